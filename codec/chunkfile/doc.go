// Package chunkfile writes and reads a chunk in the format that it is asked for:
// it alone knows both of them.
package chunkfile
