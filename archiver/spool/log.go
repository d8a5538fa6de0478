package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// ErrFull reports that the disk, or a quota on it, has no room for more entries.
var ErrFull = errors.New("spool is full")

// Config says whose log it is. All fields but Trust and Hook are required.
type Config struct {
	Dir         string // the container's directory; made with the first entry
	ContainerID string
	// SpoolID is the state's.
	SpoolID string
	// FreshID, unless empty, is that of a log of which there is nothing. It begins
	// after the time After.
	FreshID string
	After   time.Time
	// OfState, unless nil, reports whether a log with this spool id goes on with it.
	// Else it goes on with SpoolID and a new origin.
	OfState func(spoolID string) bool
	// Renewed reports that the state has had another spool id.
	Renewed bool
	Logger  *slog.Logger
	Now     func() time.Time // the arrival clock
	// Trust is for a restart without one of the machine, when the page cache has
	// lost nothing: what was not committed counts, and committed data is not read
	// again to see whether it is whole. Reading verifies checksums in any case.
	Trust bool
	// Hook, if set, is called with each step of a segment's life, and of the file that
	// it was done to. Tests crash there.
	Hook func(step, file string)
}

// Log is the spool of one container. Its methods may be called concurrently,
// Fill from one goroutine at a time.
type Log struct {
	cfg Config

	// commitMu is held to sync, seal or remove segments. It is taken
	// before mu and held while the disk is slow; Fill does not take it.
	commitMu sync.Mutex

	mu       sync.Mutex     // guards all below; never held during an fsync
	segments []*segment     // oldest first
	newer    []newerSegment // by number
	active   *segment       // nil until there are entries
	frozen   Frozen
	stream   streamState
	tail     *tail
	notify   chan struct{} // closed when there is more to read; nil while nobody waits
	live     int           // attached FIFOs
	endings  int           // how often live went back to 0
	rollDue  bool
	dropping Header // of the gap that grows, if its Gap is new
	// newerDropping is set where there is one of a newer version: it stays.
	newerDropping bool
	tally         *tally // nil after a change
	idle          int    // commits in a row that found nothing
	made          bool   // the directory is there
	found         bool   // its own name is durable
	closed        bool
	lost          int64 // bytes that were no frames
	intake        intake
}

// intake is what came from a FIFO and is not in the active segment's records yet.
// Only Fill, DropTorn and TakeTorn touch it, with the Log's mu held.
type intake struct {
	unread   int    // bytes that were moved into the active segment, but not read back yet
	noSplice bool   // the file system cannot
	copied   []byte // without splice: read from the FIFO, but not written yet
}

// step calls the hook.
func (l *Log) step(step, path string) {
	if l.cfg.Hook != nil {
		l.cfg.Hook(step, path)
	}
}

// locked calls f with mu held, and releases it whatever f does: who contains a
// panic goes on with this log.
func (l *Log) locked(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// Freeze sets what the next segments' headers hold. An active segment with
// other values is closed at the next frame's end.
func (l *Log) Freeze(f Frozen) {
	f.Meta, _ = f.Meta.Bound(f.Format)
	f = f.asWritten()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = f
	if l.active != nil && !reflect.DeepEqual(l.active.header.Frozen, f) {
		l.rollDue = true
	}
}

// Frozen returns what the container was started with last: that of the newest
// segment or gap that has limits, or else of the newest. ok is false where there is none.
func (l *Log) Frozen() (f Frozen, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range slices.Backward(l.segments) {
		if s.header.Limits != nil {
			return s.header.Frozen, true
		}
		if !ok {
			f, ok = s.header.Frozen, true
		}
	}
	return f, ok
}

// Attached counts a FIFO that feeds the log: followers wait for more while
// there is one. The returned function ends that.
func (l *Log) Attached() (release func()) {
	l.locked(func() { l.live++ })
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.live--; l.live == 0 {
			l.endings++
		}
		l.wake()
	})
}

// ensureActive makes a segment to append to. Called with mu held.
func (l *Log) ensureActive() error {
	if l.active != nil {
		return nil
	}
	if err := l.ensureDir(); err != nil {
		return err
	}
	h := l.nextHeader()
	h.Reserved = l.reservations()
	s, err := createSegment(l.cfg.Dir, h)
	if err != nil {
		l.made = l.made && !errors.Is(err, os.ErrNotExist) // somebody removed it
		return err
	}
	l.stream.LastSegment = h.SegmentSeq
	l.stream.LastSeq = h.FirstSeq - 1
	l.segments = append(l.segments, s)
	l.active = s
	l.rollDue = false
	return nil
}

func (l *Log) ensureDir() error {
	if l.made {
		return nil
	}
	if err := os.MkdirAll(l.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("make spool directory: %w", err)
	}
	l.made, l.found = true, false
	return nil
}

// dirGone takes note, of an error of writing, that somebody removed the
// directory: what is written next makes it again.
func (l *Log) dirGone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		l.locked(func() { l.made = false })
	}
	return err
}

// nextHeader is the header of the segment after the last. Called with mu held.
func (l *Log) nextHeader() Header {
	now := l.cfg.Now()
	h := Header{
		ContainerID: l.cfg.ContainerID,
		SpoolID:     l.cfg.SpoolID,
		SegmentSeq:  l.stream.LastSegment + 1,
		FirstSeq:    max(l.stream.LastSeq+1, l.stream.NextSeq),
		CreatedNano: now.UnixNano(),
		Frozen:      l.frozen,
	}
	if l.stream.LastSeq == 0 && l.stream.NextSeq == 0 {
		h.FirstSeq, h.Origin = max(1, now.UnixMicro(), l.stream.Floor, codec.UnixNano(l.cfg.After)/1000), true
	}
	return h
}

// Roll closes the active segment for appending, at once or, if a frame is
// unfinished, at that frame's end. Seal does the rest.
func (l *Log) Roll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rollDue = true
	l.rollIfDue()
}

// rollIfDue closes the active segment if that was asked for and no frame is
// unfinished. Called with mu held.
func (l *Log) rollIfDue() {
	s := l.active
	if s == nil || !l.rollDue || s.torn() {
		return
	}
	l.rollDue = false
	l.enter(s, rolled)
	l.stream.LastSeq = s.lastSeq
	if s.header.Origin && s.entries() == 0 {
		l.stream.LastSeq = 0 // the history starts with the next segment
	}
	l.active, l.tail = nil, nil
	l.wake()
}

// Info describes the log at one moment.
type Info struct {
	PendingBytes      int64 // not archived yet, the active segment included
	PendingSegments   int   // those of a newer version included, which have no bytes here
	CachedBytes       int64
	OldestPendingNano int64 // arrival; 0 if nothing is pending
	ActiveBytes       int64
	ActiveFirstNano   int64 // arrival; 0 if nothing is active
	LastSeq           int64
	LostBytes         int64
	Live              int
}

// Info returns the log's figures.
func (l *Log) Info() Info {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := *l.figures()
	in := Info{LastSeq: l.lastSeq(), LostBytes: l.lost, Live: l.live, CachedBytes: t.cachedBytes}
	if l.active != nil {
		t.add(l.active)
		in.ActiveBytes, in.ActiveFirstNano = l.active.end, l.active.firstNano
	}
	in.PendingBytes, in.PendingSegments, in.OldestPendingNano = t.pendingBytes, t.pending+l.newerPending(), t.oldestNano
	return in
}

// tally sums up segments.
type tally struct {
	pendingBytes, cachedBytes int64
	pending, reserved         int
	oldestNano                int64 // the first pending segment's arrival
}

// figures returns those of all segments but the active one, which change only with
// what calls changed. Called with mu held.
func (l *Log) figures() *tally {
	if l.tally == nil {
		l.tally = &tally{}
		for _, s := range l.segments {
			if s != l.active {
				l.tally.add(s)
			}
		}
	}
	return l.tally
}

// changed takes note that a segment that is not active came, went or changed its
// phase. Called with mu held.
func (l *Log) changed() { l.tally = nil }

func (t *tally) add(s *segment) {
	if s.phase == archived {
		t.cachedBytes += s.cachedBytes()
		return
	}
	if s.phase == reserved {
		t.reserved++
	}
	t.pendingBytes += s.end
	if s.entries() > 0 {
		t.pending++
		if t.oldestNano == 0 {
			t.oldestNano = s.firstNano
		}
	}
}

// wake lets waiting followers look again. Called with mu held.
func (l *Log) wake() {
	if l.notify != nil {
		close(l.notify)
		l.notify = nil
	}
}
