// Package chunkfile writes and reads a chunk in the format that it is asked for:
// it alone knows both of them.
//
// What decoding gives is what was encoded, in either format and in order. The tests
// here hold both formats to that and to docs/format.md.
package chunkfile
