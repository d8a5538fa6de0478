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

// A segment whose encoding ends the process, because it takes more memory than there
// is, would end every process that follows, and no container would be archived any
// more. So a file of the segment is written before its encoding, and removed after it.
// One that is found at a start is of a process that died in between.

// maxDeaths is how many processes may end while they encode a segment before it is
// given up. Losses of power and kills for other reasons count, too. But a segment is
// encoded within a second, so it is unlikely that these hit the same one each time.
const maxDeaths = 5

// attempts counts how often the encoding of segments ended the process.
type attempts struct {
	dir string
	// alone is read-locked while a segment is encoded, and locked while one is whose
	// encoding ended a process: if it does so again, no other is blamed.
	alone sync.RWMutex

	mu      sync.Mutex
	died    map[string]attempt // by file name
	running map[string]attempt // those that are being encoded, with the count before
	// stopping is set once the process was told to end, which is no segment's fault.
	stopping bool
}

// attempt is the content of a segment's file.
type attempt struct {
	// CreatedNano is the segment's: its number may be given again.
	CreatedNano int64 `json:"created_unix_nano"`
	Attempts    int   `json:"attempts"` // this one included
}

// load reads and logs what earlier processes left. What cannot be read does not
// count.
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

// begin notes that a segment's encoding begins; end must be called after it. The error
// wraps ErrKilled if the encoding has ended too many processes.
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
		return nil, fmt.Errorf("note an attempt to encode: %w", errors.Join(err, remove(filepath.Join(t.dir, name))))
	}
	return func() error {
		defer unlock()
		return t.forget(name)
	}, nil
}

// note writes that there is one more attempt than before, unless the process was told
// to end.
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
// process was told to end.
func (t *attempts) enter(name string, before attempt) (stopping bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		t.running = map[string]attempt{}
	}
	t.running[name] = before
	return t.stopping
}

// settle takes an attempt back if the process was told to end meanwhile.
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
// process was told to end, and may do so while a segment is encoded.
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
