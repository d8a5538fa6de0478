// Package statedir knows the state directory: every name in it, its lock, and
// what identifies it.
//
// Invariants:
//
//  1. One process at a time has a state directory, by the lock file.
//  2. A state that was put back from a copy, or that was away for longer than a
//     day, gets a new spool id: it would give numbers again that were archived.
//  3. A container is listed as finished only if nothing of it waits to be archived
//     or lies in quarantine. That it is finished no more is durable before
//     anything new of it is.
//  4. A file of a later version stays as it is, and is an error.
//
// What a container's folder holds is spool's; which FIFOs are attached is plugin's.
package statedir
