// Package archivedlog reads and writes archived.log, the list of the objects that a
// container's spool has archived. Its lines are specified in docs/format.md.
//
// Invariants:
//
//  1. Lines are added and synced, never changed: a crash cuts the last one at most.
//  2. Each line has a checksum, as a key that was changed would name an object that
//     is not there. A line that does not have what it says is passed over and
//     makes the list not whole.
//  3. Reading changes nothing: another process may use the list.
package archivedlog
