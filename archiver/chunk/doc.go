// Package chunk names archived objects and finds them again. There is no
// index beside the keys:
//
//	<format>/dt=YYYY-MM-DD/hour=HH/<container-id>-<spool-id>-<segment-seq>-<first-seq>-<last-seq>-<entries>-<min-nano>-<max-nano>.<ext>
//	index/day/<container-id>/YYYY-MM-DD/<format>
//	index/name/<service>/<name>/<host>/<container-id>
//
// docs/format.md explains each part. A key is a pure function of the segment,
// so an upload that is repeated after any crash writes the same object again.
//
// Both markers are empty objects, to be put before the first object of a
// container's day: the name marker with each day marker, not once per
// container, because a bounded folder drops the markers of lost days.
package chunk
