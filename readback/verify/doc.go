// Package verify reads an archive from its first to its last byte and reports
// what is wrong with it.
//
// A run lists the bucket, then reads each chunk once, several side by side, and
// compares it with its key, its footer and its partition. Of what it has read
// it keeps, for each container and spool, intervals of sequence numbers: what is
// in two objects is a duplicate, what is in none is a gap, unless an origin
// follows (docs/format.md, "Sequence numbers") or a gap row accounts for it. If
// there are any, the bucket is listed once more, to name the objects concerned
// and to see what was archived meanwhile.
//
// Memory: the objects being read, of 32 MiB at most each or in windows, and a
// few numbers for each container, some 360 bytes; nothing for an object that is in
// order, but that each day marker takes eight bytes and a map's room for it. So an
// archive of millions of containers is verified by names, some at a time.
//
// What cannot be told from a bucket: that a container's latest objects are
// missing, or all that it had; how much was before the first object that is
// left, also of an origin segment that became several; whether a row far in the future was so at its arrival, too. A store's
// ETag is compared with its listing, not with an MD5: with server-side
// encryption it is none.
package verify
