// Package spool keeps the log entries of one container durably on the local
// disk: it appends, seals, recovers, and reads while it is written.
//
// A Log is a row of segments. A segment is a data file, the daemon's frames as
// they came, and a sidecar, which says where batches of whole frames lie, how
// they are numbered and what their checksums are. Both are specified in
// docs/format.md; the state of a segment is its data file's extension:
//
//	.active --(frame's end; fdatasync; records; rename)--> .sealed
//	.sealed --(every chunk acknowledged; archived.log)---> .archived
//	.archived --(quota or age)---------------------------> unlinked
//
// Invariants:
//
//  1. An entry leaves the FIFO only by arriving in the data file: splice(2)
//     moves the bytes within the kernel, so no SIGKILL can fall between.
//  2. Fill never waits for the disk: fsync is Commit's, on another goroutine.
//  3. Records describe whole frames only and are written after the data that
//     they describe was synced. Recovery believes a record whose two checksums
//     hold, and parses what lies past the last one.
//  4. Sequence numbers are dense within a Log and never given twice to entries
//     that were sealed.
//  5. What a reader was given stays as it is: published bytes are never
//     rewritten, and files that it holds open outlive their names.
//
// Locks are taken in this order, none while one that comes later is held:
//
//	the archiver's own -> Log.commitMu -> Log.mu -> index.mu
//
// commitMu is held while the disk is slow, mu and index.mu never are during an
// fsync; Fill takes these two alone. A reader that repairs a sidecar takes
// commitMu only where it is free. Every lock is released by defer, so that a
// panic that somebody contains leaves a log that works: see Log.locked.
package spool
