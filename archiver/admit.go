package archiver

import (
	"math"

	"github.com/coldtail/coldtail/codec/key"
)

// Admit lifts an attached container's quota: what its FIFOs still hold is read
// even if the spool is full. Call it if the writer is done and the process is
// about to end, as the entries would end with the FIFO.
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
