// Package reindex makes the markers that an archive lacks: of days and names that
// were lost, and by name and by host where older versions archived, which did not
// give these.
//
// It needs nothing but the bucket and may be stopped and repeated at any time: a
// marker that is there stays, and only the one that says that all are there comes
// last. Memory is bounded: markers are known by hashes of 64 bits, of a range of
// containers' ids at a time; of what little chance there is of a collision, one stays
// missing.
package reindex
