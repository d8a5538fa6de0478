package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// ErrFull tells that the disk, or a quota on it, has no room for more entries.
var ErrFull = errors.New("spool is full")

// Config says whose log it is. All fields but Trust and Hook are required.
type Config struct {
	Dir         string // the container's directory; made with the first entry
	ContainerID string
	SpoolID     string
	Logger      *slog.Logger
	Now         func() time.Time // the arrival clock
	// Trust is for a restart without one of the machine, when the page cache has
	// lost nothing: what was not committed counts, and committed data is not read
	// again to see whether it is whole. Reading verifies checksums in any case.
	Trust bool
	// Hook, if set, is told of each step of a segment's life, and of the file that
	// it was done to. Tests crash there.
	Hook func(step, file string)
}

// Log is the spool of one container. Its methods may be called concurrently,
// Fill from one goroutine at a time.
type Log struct {
	cfg Config

	// commitMu is held by who syncs, seals or removes segments. It is taken
	// before mu and held while the disk is slow; Fill does not take it.
	commitMu sync.Mutex
	found    bool // the directory's own name is durable; guarded by commitMu

	mu       sync.Mutex // guards all below; never held during an fsync
	segments []*segment // oldest first
	active   *segment   // nil until there are entries
	frozen   Frozen
	stream   streamState
	tail     *tail
	notify   chan struct{} // closed when there is more to read; nil while nobody waits
	live     int           // attached FIFOs
	endings  int           // how often live went back to 0
	rollDue  bool
	noSplice bool
	copied   []byte     // without splice: read from the FIFO, but not written yet
	dropping Header     // of the gap that grows, where its Gap is new
	reserved []*segment // the gaps of which there is no file yet, oldest first
	unread   int        // bytes that were moved into the active segment, but not read back yet
	idle     int        // commits in a row that found nothing
	made     bool
	closed   bool
	lost     int64 // bytes that were no frames
}

// Open recovers the log in cfg.Dir, which need not exist. Files that cannot be
// read are moved to the quarantine; quarantined counts them.
func Open(cfg Config) (l *Log, quarantined int, err error) {
	l = &Log{cfg: cfg}
	names, err := os.ReadDir(cfg.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return l, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open spool: %w", err)
	}
	l.made = true
	var d damage
	if err := l.loadAll(names, &d); err != nil {
		for _, s := range l.segments {
			err = errors.Join(err, s.closeFiles())
		}
		return nil, 0, fmt.Errorf("open spool: %w", err)
	}
	stream := l.stream // as it is on the disk
	l.arrange()
	l.adoptReserved(stream)
	err = l.settle(d)
	if err == nil {
		err = l.adoptDropping(&d)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open spool: %w", err), l.Close())
	}
	return l, d.files, nil
}

// loadAll loads what the directory holds and puts aside what cannot be read.
func (l *Log) loadAll(names []os.DirEntry, d *damage) (err error) {
	if l.stream, err = readStream(l.cfg.Dir); err != nil {
		if d.stream, err = true, l.setAside(d, err, streamFile); err != nil {
			return err
		}
	}
	gaps := map[int64]bool{}
	for _, de := range names {
		if seq, _, gap, ok := parseSegmentName(de.Name()); ok && gap {
			gaps[seq] = true
		}
	}
	for _, de := range names {
		seq, state, gap, ok := parseSegmentName(de.Name())
		if !ok || gaps[seq] && !gap {
			continue // a gap replaces the segment of its number
		}
		s, lost, err := load(l.cfg, seq, state, gap)
		if err == nil && s.header.ContainerID != l.cfg.ContainerID {
			err = &codec.CorruptError{What: "segment " + de.Name(), Err: errors.New("it is another container's")}
		}
		if state == Active && !l.cfg.Trust && (err != nil || s.committed == 0) {
			// A power loss may leave half of a segment that was being made, or the
			// header of one whose predecessors are gone.
			if dropped, derr := l.dropUncommitted(s); derr != nil {
				return derr
			} else if dropped {
				l.lost += lost
				continue
			}
		}
		if err != nil {
			d.segments = append(d.segments, lostSegment{seq, state})
			aside := []string{de.Name(), segmentName(seq, extIndex)}
			if gap {
				aside = aside[:1]
			}
			if err := errors.Join(s.closeFiles(), l.setAside(d, err, aside...)); err != nil {
				return err
			}
			continue
		}
		if s.mended {
			d.files++
			l.cfg.Logger.Error("repaired the damaged sidecar of a segment", "container", l.cfg.ContainerID, "segment", seq, "lost_bytes", lost)
		}
		l.lost += lost
		l.segments = append(l.segments, s)
	}
	return nil
}

// dropUncommitted removes an active segment to which no record was ever written:
// none of its entries was committed, and their numbers are free, as are those of
// the gaps that it reserves.
func (l *Log) dropUncommitted(s *segment) (dropped bool, err error) {
	if has, err := hasRecords(s.path(extIndex)); err != nil || has {
		return false, err
	}
	if fi, err := os.Stat(s.path(extActive)); err == nil {
		l.lost += fi.Size()
	}
	err = errors.Join(s.closeFiles(), os.Remove(s.path(extActive)))
	if rerr := os.Remove(s.path(extIndex)); !errors.Is(rerr, os.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		return false, fmt.Errorf("remove an uncommitted segment: %w", err)
	}
	return true, durable.SyncDir(l.cfg.Dir)
}

func load(cfg Config, seq int64, state State, gap bool) (s *segment, lost int64, err error) {
	if gap {
		s, err = loadGap(cfg.Dir, seq, state)
		return s, 0, err
	}
	return loadSegment(cfg.Dir, seq, state, cfg.Trust)
}

// arrange orders the segments found and picks the one that takes more entries:
// the last, where it is still active.
func (l *Log) arrange() {
	slices.SortFunc(l.segments, func(a, b *segment) int { return int(a.header.SegmentSeq - b.header.SegmentSeq) })
	for i, s := range l.segments {
		if i > 0 && reflect.DeepEqual(s.header.Frozen, l.segments[i-1].header.Frozen) {
			s.header.Frozen = l.segments[i-1].header.Frozen // one copy for hundreds of segments
		}
		l.stream.LastSeq = max(l.stream.LastSeq, s.lastSeq)
		l.stream.LastSegment = max(l.stream.LastSegment, s.header.SegmentSeq)
		switch {
		case s.state != Active:
			s.rolled = true
		case i < len(l.segments)-1:
			s.rolled = true // a crash came between rolling and sealing
		case s.damaged:
			s.rolled = true // archiving it reports what is lost
		default:
			l.active = s
			l.frozen = s.header.Frozen
		}
	}
}

// quarantine moves a file; syncQuarantine makes that durable.
func (l *Log) quarantine(name string) error {
	dir := filepath.Join(l.cfg.Dir, quarantineDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("quarantine %s: %w", name, err)
	}
	to := filepath.Join(dir, fmt.Sprintf("%d-%s", l.cfg.Now().UnixNano(), name))
	err := os.Rename(filepath.Join(l.cfg.Dir, name), to)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("quarantine %s: %w", name, err)
	}
	return nil
}

func (l *Log) syncQuarantine() error {
	return errors.Join(durable.SyncDir(filepath.Join(l.cfg.Dir, quarantineDir)), durable.SyncDir(l.cfg.Dir))
}

// step tells the hook.
func (l *Log) step(step, path string) {
	if l.cfg.Hook != nil {
		l.cfg.Hook(step, path)
	}
}

// Freeze sets what the next segments' headers hold. An active segment with
// other values is closed at the next frame's end.
func (l *Log) Freeze(f Frozen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = f
	if l.active != nil && !reflect.DeepEqual(l.active.header.Frozen, f) {
		l.rollDue = true
	}
}

// Attached counts a FIFO that feeds the log: followers wait for more while
// there is one. The returned function ends that.
func (l *Log) Attached() (release func()) {
	l.mu.Lock()
	l.live++
	l.mu.Unlock()
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
	l.made = true
	return nil
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
		h.FirstSeq, h.Origin = now.UnixMicro(), true
	}
	return h
}

// Roll closes the active segment for appending, at once or, where a frame is
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
	s.open = false
	s.rolled = true
	l.stream.LastSeq = s.lastSeq
	if s.header.Origin && s.entries() == 0 {
		l.stream.LastSeq = 0 // the history starts with the next segment
	}
	l.active, l.tail = nil, nil
	l.wake()
}

// Info describes the log at one moment.
type Info struct {
	Segments          int
	ActiveBytes       int64
	PendingBytes      int64 // not archived yet, the active segment included
	PendingSegments   int
	CachedBytes       int64
	OldestPendingNano int64 // arrival; 0 where nothing is pending
	ActiveFirstNano   int64 // arrival; 0 where nothing is active
	LastSeq           int64
	LostBytes         int64
	Live              int
}

// Info returns the log's figures.
func (l *Log) Info() Info {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := Info{Segments: len(l.segments), LastSeq: l.stream.LastSeq, LostBytes: l.lost, Live: l.live}
	for _, s := range l.segments {
		if s.state == Archived {
			in.CachedBytes += s.written
			continue
		}
		in.PendingBytes += s.end
		if s.entries() > 0 {
			in.PendingSegments++
			if in.OldestPendingNano == 0 {
				in.OldestPendingNano = s.firstNano
			}
		}
	}
	if l.active != nil {
		in.ActiveBytes, in.ActiveFirstNano = l.active.end, l.active.firstNano
	}
	if l.active != nil {
		in.LastSeq = l.active.lastSeq
	}
	return in
}

// wake lets waiting followers look again. Called with mu held.
func (l *Log) wake() {
	if l.notify != nil {
		close(l.notify)
		l.notify = nil
	}
}
