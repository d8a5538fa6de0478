package archiver

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

	mu   sync.Mutex
	died map[string]attempt // by file name
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
// ends. The error wraps errKilled where it has ended too many processes.
func (t *attempts) begin(h *spool.Header) (end func() error, err error) {
	name := fileOfAttempt(h)
	before := t.before(name, h)
	if before >= maxDeaths {
		return nil, fmt.Errorf("%w %d times", errKilled, before)
	}
	unlock := t.alone.RUnlock
	if before > 0 {
		t.alone.Lock()
		unlock = t.alone.Unlock
	} else {
		t.alone.RLock()
	}
	path := filepath.Join(t.dir, name)
	b, err := json.Marshal(attempt{h.CreatedNano, before + 1})
	if err == nil {
		err = durable.MkdirAll(t.dir, 0o700)
	}
	if err == nil {
		err = durable.WriteFile(path, b, 0o600)
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("take note of an attempt to encode: %w", errors.Join(err, remove(path)))
	}
	return func() error {
		defer unlock()
		return t.forget(name)
	}, nil
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
	return remove(filepath.Join(t.dir, name))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget an attempt to encode: %w", err)
	}
	return nil
}
