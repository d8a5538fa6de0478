package archiver

import (
	"cmp"
	"slices"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// Status describes the Archiver at one moment, for /status.
type Status struct {
	SpoolID         string         `json:"spool_id"`
	Created         time.Time      `json:"state_created"`
	PendingBytes    int64          `json:"pending_bytes"`    // not in the bucket yet
	PendingSegments int            `json:"pending_segments"` // the active ones included
	CachedBytes     int64          `json:"cached_bytes"`     // in the bucket and still here, of open logs
	OldestPending   *time.Time     `json:"oldest_pending,omitempty"`
	OldestAgeSec    float64        `json:"oldest_pending_age_seconds"`
	LostBytes       int64          `json:"lost_bytes"`      // of frames whose writer died
	Dropped         int64          `json:"dropped_entries"` // since the start, of open logs; given up ones included
	Quarantine      Quarantine     `json:"quarantine"`
	Unopened        []string       `json:"unopened,omitempty"` // containers whose log cannot be opened, of maxPaths at most
	LastError       string         `json:"last_error,omitempty"`
	LastErrorAt     *time.Time     `json:"last_error_at,omitempty"`
	Streams         []StreamStatus `json:"streams"`
}

// StreamStatus describes one container's log.
type StreamStatus struct {
	ContainerID     string     `json:"container_id"`
	FIFOs           int        `json:"fifos"`
	LastSeq         int64      `json:"last_seq"`
	PendingBytes    int64      `json:"pending_bytes"`
	PendingSegments int        `json:"pending_segments"`
	CachedBytes     int64      `json:"cached_bytes"`
	Dropped         int64      `json:"dropped_entries"`
	OldestPending   *time.Time `json:"oldest_pending,omitempty"`
	MetadataCut     string     `json:"metadata_cut,omitempty"` // what its labels, attributes and names lack
}

// Status returns the figures of now.
func (a *Archiver) Status() Status {
	st := Status{SpoolID: a.state.SpoolID(), Created: a.state.Created(), Streams: []StreamStatus{}}
	oldest := int64(0)
	for _, s := range a.all() {
		in := s.log.Info()
		st.PendingBytes += in.PendingBytes
		st.PendingSegments += in.PendingSegments
		st.CachedBytes += in.CachedBytes
		st.LostBytes += in.LostBytes
		st.Dropped += s.quota.dropped.Load()
		if in.OldestPendingNano != 0 && (oldest == 0 || in.OldestPendingNano < oldest) {
			oldest = in.OldestPendingNano
		}
		frozen, _ := s.log.Frozen()
		st.Streams = append(st.Streams, StreamStatus{
			ContainerID: s.id, FIFOs: in.Live, LastSeq: in.LastSeq, PendingBytes: in.PendingBytes,
			PendingSegments: in.PendingSegments, CachedBytes: in.CachedBytes, Dropped: s.quota.dropped.Load(), OldestPending: nanoTime(in.OldestPendingNano), MetadataCut: frozen.Meta.Labels[codec.MetaCutKey],
		})
	}
	slices.SortFunc(st.Streams, func(x, y StreamStatus) int { return cmp.Compare(x.ContainerID, y.ContainerID) })
	if st.OldestPending = nanoTime(oldest); st.OldestPending != nil {
		st.OldestAgeSec = max(0, a.cfg.Now().Sub(*st.OldestPending).Seconds())
	}
	st.Quarantine = a.aside.sum()
	st.Unopened = a.unopenedIDs()
	st.Unopened = st.Unopened[:min(len(st.Unopened), maxPaths)]
	if text, at := a.health.lastError(); text != "" {
		st.LastError, st.LastErrorAt = text, &at
	}
	return st
}

func nanoTime(nano int64) *time.Time {
	if nano == 0 {
		return nil
	}
	t := time.Unix(0, nano).UTC()
	return &t
}
