// Package ranged reads a file by few, large, bounded ranges, some of them at the
// same time, and holds those that several columns share.
//
// Invariants:
//
//   - What is held at once is bounded, whatever the file says. A larger range is
//     left to the caller, who reads it window by window.
//   - A panic of the reader reaches the caller's goroutine.
//   - A file in memory is neither read nor copied (see [Bytes]).
package ranged
