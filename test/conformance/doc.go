// Package conformance holds coldtail to the behaviour of Docker's own log
// drivers: it runs moby's suite of reader tests, through the adapter by which
// the daemon talks to a plugin, on real FIFOs, and compares what is read with
// what moby's local driver reads. See docs/conformance.md.
package conformance
