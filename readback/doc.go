// Package readback reads a container's log in order: from the bucket, from the
// local spool, and as it grows.
//
// A read snapshots the local segments first, and goes to the bucket only if they
// cannot satisfy the query, or for one that was evicted before it was reached. Order is the sequence
// number's; objects of different spools are ordered by their spools' first
// numbers, which are Unix microseconds. An object is left out if its segment
// is read from the local disk: that is told by the key, never by ranges.
//
// Objects are fetched ahead by goroutines that end with the reading, within
// bounds in bytes. What the bucket does not give is reported behind all that can
// be read, once.
package readback
