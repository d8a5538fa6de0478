// Package encode makes of a spool segment one checked temporary file for each
// hour, ready to be put in the bucket.
//
// Invariants:
//
//  1. A chunk's key and rows are a function of its segment.
//  2. A chunk is decoded again and compared with the segment before it is put.
//  3. Every number of a segment is in one of its chunks, as an entry or in a gap
//     row, which stands for what is damaged or cannot be encoded.
//  4. A segment whose encoding ended maxDeaths processes is encoded no more.
//
// A segment that has ended a process is encoded alone, and holds attempts.alone
// for that. A place for a chunk is taken after it.
package encode
