// Package ndjson writes and reads chunks as gzip members of newline-delimited
// JSON, one row a line (docs/format.md).
//
// Any gunzip reads a chunk. Each member's header says where the next one begins
// and which sequence number it starts with, so a reader steps over members.
package ndjson
