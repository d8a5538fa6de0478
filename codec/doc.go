// Package codec has log entries, what is said of their container, the table of a
// chunk's columns, and the Docker daemon's frames. Like all packages below it, it
// has no clock, writes no log and takes no context.
//
// A frame is what the daemon writes to a container's FIFO and reads from
// ReadLogs (moby daemon/logger/adapter.go, api/types/plugins/logdriver):
//
//	0        4                              4+length
//	+--------+------------------------------+
//	| length | LogEntry, protobuf           |
//	+--------+------------------------------+
//	 big-endian uint32
//
//	LogEntry: 1 source string, 2 time_nano int64, 3 line bytes, 4 partial bool,
//	          5 partial_log_metadata {1 last bool, 2 id string, 3 ordinal int32}
//
// The chunk formats are specified in docs/format.md; codec/parquet and codec/ndjson
// are theirs.
package codec
