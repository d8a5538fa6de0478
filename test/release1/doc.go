// Package release1 tests that what coldtail's first release wrote stays
// readable: its state directories, with a backlog, a local cache and attached
// FIFOs, and its archives. README.md tells how testdata was made.
package release1
