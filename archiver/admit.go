package archiver

import (
	"math"

	"github.com/coldtail/coldtail/archiver/chunk"
)

// Admit lifts an attached container's quota, so that what its FIFOs still hold
// is read although the spool is full. It is for a process that is about to end
// and whose writer writes no more: the entries would end with the FIFO.
func (a *Archiver) Admit(containerID string) {
	a.mu.Lock()
	s := a.streams[chunk.ContainerID(containerID)]
	a.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	s.opts.SpoolBytes = math.MaxInt64
	s.mu.Unlock()
	s.setOver(&s.over, false)
}
