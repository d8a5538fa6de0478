// Package fifo reads the FIFOs that the daemon writes to: it opens them, waits for
// them, and sizes their pipes.
//
// Invariants:
//
//  1. A goroutine that waits for FIFOs costs no thread.
//  2. Large pipes take no more of the user's pipe memory than a budget, which is
//     whole again once all FIFOs are closed.
//  3. A descriptor that was closed is used no more.
package fifo
