package statedir

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/durable"
)

// Finished lists the containers of which all is archived, so that a start need not
// look into the directory of each container that ever was. Its methods may be called
// concurrently. A line of its file is
//
//	+|- <container id> <crc32c of both>
//
// The last one of a container counts. A + that is lost costs a look; a - is durable
// before the container has anything new.
type Finished struct {
	path string
	mu   sync.Mutex
	ids  map[string]struct{}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errFinished = errors.New("damaged list of finished containers")

// OpenFinished reads the list. One that is damaged is removed: then each container
// is looked at once more.
func OpenFinished(p Path) (f *Finished, err error) {
	f = &Finished{path: p.Finished()}
	lines, err := f.load()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return f, nil
	case err != nil:
		f.ids = nil
		return f, errors.Join(err, f.remove())
	case lines > 2*len(f.ids)+1000:
		return f, f.rewrite()
	}
	return f, nil
}

func (f *Finished) load() (lines int, err error) {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return 0, err
	}
	f.ids = make(map[string]struct{}, bytes.Count(b, []byte{'\n'}))
	// One string for all: the ids are parts of it.
	for rest := string(b); rest != ""; lines++ {
		line, after, ok := strings.Cut(rest, "\n")
		raw := b[len(b)-len(rest):]
		rest = after
		at := len(line) - len(" 01234567")
		if !ok || at < len("+ ") || !sumHolds(raw[:at], line[at:]) {
			return lines, errFinished
		}
		if id := line[len("+ "):at]; line[0] == '+' {
			f.ids[id] = struct{}{}
		} else {
			delete(f.ids, id)
		}
	}
	return lines, nil
}

// sumHolds reports whether sum, with a space before it, is the checksum of line.
func sumHolds(line []byte, sum string) bool {
	n, err := strconv.ParseUint(sum[1:], 16, 32)
	return err == nil && sum[0] == ' ' && n == uint64(crc32.Checksum(line, castagnoli))
}

func appendFinished(b []byte, op byte, id string) []byte {
	line := appendSum(append([]byte{op, ' '}, id...))
	return append(append(b, line...), '\n')
}

// appendSum ends a line.
func appendSum(line []byte) []byte {
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.Checksum(line, castagnoli))
	return hex.AppendEncode(append(line, ' '), sum[:])
}

// remove makes all containers unfinished.
func (f *Finished) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget which containers are finished: %w", err)
	}
	return durable.SyncDir(filepath.Dir(f.path))
}

func (f *Finished) rewrite() error {
	var b []byte
	for id := range f.ids {
		b = appendFinished(b, '+', id)
	}
	return durable.WriteFile(f.path, b, 0o600)
}

// Keep takes all but these containers off the list, as the directories of the others
// are gone. If one is not, that costs a look.
func (f *Finished) Keep(ids []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ids) == 0 {
		return nil
	}
	kept := make(map[string]struct{}, len(f.ids))
	for _, id := range ids {
		if _, ok := f.ids[id]; ok {
			kept[id] = struct{}{}
		}
	}
	if len(kept) == len(f.ids) {
		return nil
	}
	f.ids = kept
	return f.rewrite()
}

// Has reports whether a container is listed.
func (f *Finished) Has(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.ids[id]
	return ok
}

// Add lists those of the containers for which still returns true.
func (f *Finished) Add(still func(id string) bool, ids ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var added []string
	for _, id := range ids {
		if _, ok := f.ids[id]; !ok && still(id) {
			added = append(added, id)
		}
	}
	if len(added) == 0 {
		return nil
	}
	if err := f.append('+', false, added...); err != nil {
		return err
	}
	if f.ids == nil {
		f.ids = map[string]struct{}{}
	}
	for _, id := range added {
		f.ids[id] = struct{}{}
	}
	return nil
}

// Begin makes it durable that a container is not finished. Call it before anything new
// of the container is written. If the disk has no room for a line, the list is removed.
func (f *Finished) Begin(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.ids[id]; !ok {
		return nil
	}
	if err := f.append('-', true, id); err != nil {
		if err := f.remove(); err != nil {
			return err
		}
		f.ids = nil
	}
	delete(f.ids, id)
	return nil
}

// append writes lines. Called with mu held.
func (f *Finished) append(op byte, sync bool, ids ...string) error {
	_, err := os.Stat(f.path)
	fresh := errors.Is(err, os.ErrNotExist)
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("list finished containers: %w", err)
	}
	var b []byte
	for _, id := range ids {
		b = appendFinished(b, op, id)
	}
	_, err = file.Write(b)
	if err == nil && sync {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil && fresh && sync {
		err = durable.SyncDir(filepath.Dir(f.path))
	}
	if err != nil {
		return fmt.Errorf("list finished containers: %w", err)
	}
	return nil
}
