// Package archiver moves container logs from the daemon's FIFOs into the spool
// and from the spool into a bucket.
//
//	FIFO --ingest--> active segment --commit--> sealed --upload--> archived
//
// Invariants:
//
//  1. The ingest goroutine of a container waits for its FIFOs and for nothing
//     else: no network, encoder, fsync or reader.
//  2. Detach answers once the FIFO is empty and its entries are in the spool.
//  3. One ingest per container reads all its FIFOs, the oldest first, and
//     changes from one to another only at a frame's end.
//  4. A segment is released only after every one of its chunks was acknowledged.
//  5. Attach needs the local disk only. If the bucket is unreachable, only uploads
//     are delayed.
//
// Owners: what a stream has belongs to the goroutine of its ingest (type ingest), comes
// with the upload token (uploading), or is guarded by a mutex beside it (inlet, quota,
// rest). The rest is atomic, or set before the stream is shared.
//
// Lock order: Archiver.mu, then inlet.mu, then the Log's own; nothing waits for
// the disk or the bucket with one of the first two. Before these come, if they
// are taken, the token stream.upload, encode's attempts.alone, a place in
// Archiver.encodes, quota.drops and the Log's commitMu, in this order. The mutexes of
// health, markers, rest and other small owners are the last: what holds one takes no
// other. Each is released by defer, as a panic may be contained above.
//
// Goroutines: one ingest per container with FIFOs, ended by the last Detach or
// by Run's end; Run owns the ticker, the committers and the uploaders and joins
// all of them.
package archiver
