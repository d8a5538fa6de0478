package archiver

import (
	"math"

	"github.com/coldtail/coldtail/codec/key"
)

// Admit lifts an attached container's quota, so that what its FIFOs still hold
// is read although the spool is full. It is for a process that is about to end
// and whose writer writes no more: the entries would end with the FIFO.
func (a *Archiver) Admit(containerID string) {
	id := key.ContainerID(containerID)
	for _, s := range a.all() {
		if s.id == id {
			s.lift()
		}
	}
}

// lift ends the stream's own quota.
func (s *stream) lift() {
	defer s.setExceeded(&s.quota.own, false) // takes inlet.mu, too
	s.inlet.mu.Lock()
	defer s.inlet.mu.Unlock()
	s.inlet.opts.SpoolBytes = math.MaxInt64
}
