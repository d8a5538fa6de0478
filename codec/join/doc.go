// Package join makes rows of a container's entries, and entries of rows: the
// daemon cuts a long line into parts, and an archive has it as one row.
//
// What an [Assembler] makes is a function of the entries alone: the same entries
// give the same rows, in sequence order. A [Splitter] gives back what was
// assembled, and refuses rows that no Assembler makes. Both hold little, whatever
// the lines are. The rules are those of docs/format.md, Long lines.
package join
