// Package catalog finds what is archived: the objects of a container, and the
// containers of an archive. Invariants:
//
//   - The keys are the only index: nothing is opened to find an object, but for gap
//     rows that prove that no object is missing.
//   - Requests and memory are bounded by what is asked for, not by what an archive
//     holds or what others put into it.
//   - Keys that are not coldtail's are passed over. Newer notices those of a later
//     version.
package catalog
