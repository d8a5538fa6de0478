// Package samples has the logs that query engines are tested with, archived, and
// what the queries of docs/queries.md must answer about them.
//
// Two archives are made: the shop's, about which the queries ask, and one of
// unusual lines: invalid UTF-8, a line of 2 MB, labels and none.
package samples
