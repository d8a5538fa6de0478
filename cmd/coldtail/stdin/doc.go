// Package stdin archives a stream of bytes as the log of a container: it plays the
// Docker daemon's part, with an archiver of its own.
//
// What was read is in the spool before a run returns, whenever it is told to end.
// What is not archived then stays in the state's directory, and the next run of
// that name uploads it.
package stdin
