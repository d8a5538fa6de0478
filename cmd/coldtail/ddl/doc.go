// Package ddl prints the SQL that makes the archive a table of a query engine.
//
// The columns are those of codec.Columns. A name or a place is quoted as its
// engine reads it, and one that an engine takes for something else is refused.
// What is printed holds no credentials.
package ddl
