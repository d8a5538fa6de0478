// Package key names archived objects and markers, and parses their names. It is the
// only parser of this grammar. There is no index beside the keys:
//
//	<format>/dt=YYYY-MM-DD/hour=HH/<container-id>-<spool-id>-<segment-seq>-<first-seq>-<last-seq>-<entries>-<min-nano>-<max-nano>.<ext>
//	index/day/<container-id>/YYYY-MM-DD/<format>
//	index/name/<service>/<name>/<host>/<container-id>
//	index/by-name/<name>/YYYY-MM-DD/<service>/<host>/<container-id>
//	index/by-host/<host>/YYYY-MM-DD/<service>/<name>/<container-id>
//	index/complete/by-name
//
// docs/format.md explains each part. Invariants:
//
//   - A key is a pure function of the segment, so an upload that is repeated after any
//     crash writes the same object again.
//   - Parsing accepts only what this version writes. The error about a key that a later
//     version may give is codec.ErrNewer.
//   - Nothing here knows a clock, a context or a bucket.
//
// Markers are empty objects, to be put before the first object of a container's day:
// the name marker with each day marker, not once per container, because a bounded
// folder drops the markers of lost days.
package key
