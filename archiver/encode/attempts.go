package encode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/archiver/spool"
)

// A segment whose encoding ends the process, as it takes more memory than there
// is, would end every process that follows, and no container would be archived
// any more. So the disk tells that an encoding has begun: a file of the segment
// is written before it, and removed when it ends in any other way. One that is
// found at a start is of a process that died meanwhile.

// maxDeaths is how many processes may end while they encode a segment before it is
// given up. A machine that loses power, or a process that is killed for another
// reason, is counted like this, too: that it hits the same segment each time,
// which is encoded within a second, is what is unlikely.
const maxDeaths = 5

// attempts counts how often the encoding of segments ended the process.
type attempts struct {
	dir string
	// alone is held for reading while a segment is encoded, and for writing by one
	// whose encoding ended a process: if it does so again, no other is blamed.
	alone sync.RWMutex

	mu      sync.Mutex
	died    map[string]attempt // by file name
	running map[string]attempt // those that are being encoded, with what was counted before
	// stopping is set once the process is told to end: that it does is nobody's fault.
	stopping bool
}

// attempt is the content of a segment's file.
type attempt struct {
	// CreatedNano is the segment's: its number may be given again.
	CreatedNano int64 `json:"created_unix_nano"`
	Attempts    int   `json:"attempts"` // this one included
}

// load reads what earlier processes left, and reports it. What cannot be read
// counts for nothing.
func (t *attempts) load(log *slog.Logger) error {
	t.died = map[string]attempt{}
	des, err := os.ReadDir(t.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for attempts to encode: %w", err)
	}
	for _, de := range des {
		b, err := os.ReadFile(filepath.Join(t.dir, de.Name()))
		var at attempt
		if err == nil && attemptName.MatchString(de.Name()) && json.Unmarshal(b, &at) == nil && at.Attempts > 0 {
			t.died[de.Name()] = at
			log.Error("the process before ended while it encoded a segment: that is encoded alone now", "segment", de.Name(),
				"times", at.Attempts, "given_up_after", maxDeaths)
			continue
		}
		if err := os.RemoveAll(filepath.Join(t.dir, de.Name())); err != nil {
			return fmt.Errorf("forget an attempt to encode: %w", err)
		}
	}
	return nil
}

// attemptName matches a segment's file: its container's id and its number.
var attemptName = regexp.MustCompile(`^[0-9a-f]{64}-[0-9]+$`)

// begin takes note that a segment's encoding begins; end must be called when it
// ends. The error wraps ErrKilled where it has ended too many processes.
func (t *attempts) begin(h *spool.Header) (end func() error, err error) {
	name := fileOfAttempt(h)
	before := t.before(name, h)
	if before >= maxDeaths {
		return nil, fmt.Errorf("%w %d times", ErrKilled, before)
	}
	unlock := t.alone.RUnlock
	if before > 0 {
		t.alone.Lock()
		unlock = t.alone.Unlock
	} else {
		t.alone.RLock()
	}
	if err := t.note(name, attempt{h.CreatedNano, before}); err != nil {
		unlock()
		return nil, fmt.Errorf("take note of an attempt to encode: %w", errors.Join(err, remove(filepath.Join(t.dir, name))))
	}
	return func() error {
		defer unlock()
		return t.forget(name)
	}, nil
}

// note writes that there is one more attempt than before, unless the process is
// about to end.
func (t *attempts) note(name string, before attempt) error {
	if t.enter(name, before) {
		return nil
	}
	if err := t.write(name, attempt{before.CreatedNano, before.Attempts + 1}); err != nil {
		return err
	}
	return t.settle(name)
}

// enter adds a segment to those that are being encoded. It reports whether the
// process is about to end.
func (t *attempts) enter(name string, before attempt) (stopping bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		t.running = map[string]attempt{}
	}
	t.running[name] = before
	return t.stopping
}

// settle takes an attempt back that was written while the process was told to end.
func (t *attempts) settle(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopping {
		return nil
	}
	return t.takeBack(name)
}

func (t *attempts) write(name string, at attempt) error {
	b, err := json.Marshal(at)
	if err == nil {
		err = durable.MkdirAll(t.dir, 0o700)
	}
	if err == nil {
		err = durable.WriteFile(filepath.Join(t.dir, name), b, 0o600)
	}
	return err
}

// stop takes back the attempts that are under way, and counts none from now on: the
// process is told to end, and may do so while a segment is encoded.
func (t *attempts) stop() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopping = true
	var errs []error
	for name := range t.running {
		errs = append(errs, t.takeBack(name))
	}
	return errors.Join(errs...)
}

// takeBack makes the count what it was before. Called with mu held.
func (t *attempts) takeBack(name string) error {
	before, ok := t.running[name]
	switch {
	case !ok:
		return nil
	case before.Attempts == 0:
		return remove(filepath.Join(t.dir, name))
	}
	return t.write(name, before)
}

func fileOfAttempt(h *spool.Header) string { return fmt.Sprintf("%s-%d", h.ContainerID, h.SegmentSeq) }

// before returns how many processes ended in the segment's encoding.
func (t *attempts) before(name string, h *spool.Header) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := t.died[name]; at.CreatedNano == h.CreatedNano {
		return at.Attempts
	}
	return 0
}

// done forgets a segment that was archived, or given up.
func (t *attempts) done(h *spool.Header) error {
	if t.before(fileOfAttempt(h), h) == 0 {
		return nil
	}
	return t.forget(fileOfAttempt(h))
}

// forget removes what is known of a segment.
func (t *attempts) forget(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.died, name)
	delete(t.running, name)
	return remove(filepath.Join(t.dir, name))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget an attempt to encode: %w", err)
	}
	return nil
}
