// Package spool keeps the log entries of one container durably on the local
// disk: it appends, seals, recovers, and reads while it is written.
//
// A Log is a sequence of segments. A segment is a data file, the daemon's frames as
// they came, and a sidecar, which says where batches of whole frames lie, how
// they are numbered and what their checksums are. Both are specified in
// docs/format.md. A segment is in one phase at a time, and the data file's extension
// is the part of it that outlives the process:
//
//	filling --(frame's end)-----------------> rolled     .active
//	rolled --(fdatasync, records, rename)---> sealing    .sealed
//	sealing --(fsync of the directory)------> sealed     .sealed
//	sealed --(chunks stored, archived.log)--> archived   .archived
//	archived --(quota or age)---------------> unlinked
//
// A gap stands for entries that were dropped. It is reserved until it has a file, and
// then goes on as a segment that is sealing.
//
// Invariants:
//
//  1. An entry leaves the FIFO only by arriving in the data file: splice(2)
//     moves the bytes within the kernel, so no SIGKILL can fall between.
//  2. Fill never waits for the disk: fsync is Commit's, on another goroutine.
//  3. Records describe whole frames only and are written after the data that
//     they describe was synced. Recovery believes a record if its two checksums
//     hold, and parses what lies past the last one.
//  4. Sequence numbers are dense within a Log and never given twice to entries
//     that were sealed.
//  5. What a reader was given stays as it is: a View is a copy of what a segment was,
//     published bytes are never rewritten, the part of the tail that a reader
//     holds is counted, and files that it holds open outlive their names.
//  6. A segment's phase changes in one place, which panics if the next phase cannot
//     follow. What has to be made durable is a set beside it.
//
// Locks are taken in this order, none while one that comes later is held:
//
//	the archiver's own -> Log.commitMu -> Log.mu -> index.mu
//
// commitMu is held while the disk is slow, mu and index.mu never are during an
// fsync; Fill takes these two alone. A reader that repairs a sidecar takes
// commitMu only if it is free. Every lock is released by defer, so that a
// panic that somebody contains leaves a log that works: see Log.locked.
package spool
