// Package parquet writes and reads chunks as Parquet, the columns of
// docs/format.md in one row group.
//
// The pages are our own, on parquet-go's format, Thrift and encoding packages.
// A reader takes nothing for granted: every length, offset and count of a file is
// checked before memory is taken for it, and every page has a checksum. The same
// entries give the same bytes.
package parquet
