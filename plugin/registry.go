package plugin

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// Registry remembers which FIFOs are attached, in one file each, so that a
// restarted plugin can go on reading them. Its methods may be called concurrently.
//
// A file holds one line of JSON:
//
//	{"version":1,"crc32c":<of the record's bytes>,"record":{…}}
type Registry struct {
	dir  string
	boot string

	mu          sync.Mutex
	records     map[string]record // by FIFO path
	order       int64             // of the record added last
	quarantined int
}

// record is a FIFO as it is persisted.
type record struct {
	// Order counts the attachments, so that a container's FIFOs are attached
	// again oldest first.
	Order int64 `json:"order"`
	// BootID is the kernel's that the FIFO was made under: after a reboot nobody writes to it.
	BootID  string          `json:"boot_id"`
	Created time.Time       `json:"created"` // the container's creation
	Source  archiver.Source `json:"source"`
}

// Names in the registry's directory.
const (
	recordExt  = ".json"
	corruptExt = ".corrupt"
)

// recordJSON is the kind of file that a record is.
var recordJSON = durable.JSON{Body: "record", Version: 1, Versioned: true, Newline: true}

var errRecord = errors.New("not a registry record")

// OpenRegistry loads the registry in dir, which is made if it does not exist.
// Files that cannot be understood are set aside, counted and named once in the
// log, unless a later version made them; those of an earlier boot (bootID, the kernel's) are removed, with their FIFOs.
func OpenRegistry(dir, bootID string, logger *slog.Logger) (*Registry, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	r := &Registry{dir: dir, boot: bootID, records: map[string]record{}}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		switch {
		case durable.IsTemp(f.Name()):
			_ = os.Remove(path) // unfinished; harmless where it stays
		case strings.HasSuffix(f.Name(), recordExt):
			r.load(path, logger)
		}
	}
	return r, nil
}

// load takes over the record in the file at path.
func (r *Registry) load(path string, logger *slog.Logger) {
	b, err := os.ReadFile(path)
	if err != nil {
		// The file may be whole: it is left for the next start.
		r.quarantined++
		logger.Error("cannot read the record of an attached fifo; its container blocks until it is restarted", "err", err)
		return
	}
	rec, err := parseRecord(b)
	newer := errors.Is(err, codec.ErrNewer)
	if (err == nil || newer) && filepath.Base(path) != recordName(rec.Source.Path) {
		err = fmt.Errorf("%w: it is another FIFO's", cmp.Or(err, errRecord))
	}
	if newer {
		r.loadNewer(path, rec, err, logger)
		return
	}
	if err != nil {
		r.quarantined++
		if qerr := os.Rename(path, path+corruptExt); qerr != nil {
			err = errors.Join(err, qerr)
		}
		logger.Error("set aside a damaged record of an attached fifo; its container blocks until it is restarted", "file", path+corruptExt, "err", err)
		return
	}
	if rec.BootID != r.boot {
		removeFIFO(rec.Source.Path)
		_ = os.Remove(path) // will be removed at the next start otherwise
		return
	}
	r.records[rec.Source.Path] = rec
	r.order = max(r.order, rec.Order)
}

// loadNewer takes over what a later version recorded as far as it can be understood,
// as the container would block otherwise. The file stays until its FIFO ends.
func (r *Registry) loadNewer(path string, rec record, err error, logger *slog.Logger) {
	if rec.Source.Path == "" || filepath.Base(path) != recordName(rec.Source.Path) {
		r.quarantined++
		logger.Error("cannot use the record of an attached fifo; its container blocks until coldtail is upgraded or it is restarted", "file", path, "err", err)
		return
	}
	logger.Warn("going on with an attached fifo as far as its record is understood", "file", path, "err", err)
	if rec.BootID != r.boot {
		return // nobody writes to it any more
	}
	if rec.Source.Options.Validate() != nil {
		rec.Source.Options = archiver.DefaultOptions()
	}
	r.records[rec.Source.Path] = rec
	r.order = max(r.order, rec.Order)
}

// parseRecord reads a record's file. With codec.ErrNewer it returns what it
// understands of a later version's record.
func parseRecord(b []byte) (record, error) {
	var rec record
	_, err := recordJSON.Decode(b, &rec)
	known := rec.Source.Meta.ContainerID != ""
	switch {
	case errors.Is(err, codec.ErrNewer) && known:
		return rec, fmt.Errorf("registry record of %w", err)
	case errors.Is(err, codec.ErrNewer):
		return record{}, fmt.Errorf("registry record of %w", err)
	case err != nil:
		return record{}, fmt.Errorf("%w: %w", errRecord, err)
	case !known || rec.Source.Path == "":
		return record{}, errRecord
	}
	return rec, nil
}

// recordName is the file name of a FIFO's record. A digest, because two FIFOs of
// different directories may have one name, and names may be anything.
func recordName(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:]) + recordExt
}

// Add persists an attachment and tells whether it is new. A FIFO that is there
// keeps its place in the order.
func (r *Registry) Add(src archiver.Source, created time.Time) (fresh bool, err error) {
	r.mu.Lock()
	old, known := r.records[src.Path]
	rec := record{Order: old.Order, BootID: r.boot, Created: created, Source: src}
	if !known {
		r.order++
		rec.Order = r.order
	}
	r.mu.Unlock()
	// Not under the lock: containers that start at once sync at once.
	b, err := recordJSON.Encode(rec)
	if err != nil {
		return false, fmt.Errorf("encode registry record: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(r.dir, recordName(src.Path)), b, 0o600); err != nil {
		return false, fmt.Errorf("write registry record: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records[src.Path] = rec
	return !known, nil
}

// Remove forgets a FIFO; one that is not there is no error. That the removal is
// durable does not matter: a FIFO that is gone is forgotten at the next start.
func (r *Registry) Remove(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.records, path)
	err := os.Remove(filepath.Join(r.dir, recordName(path)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove registry record: %w", err)
	}
	return nil
}

// Sources returns what is attached, in the order of attachment.
func (r *Registry) Sources() []archiver.Source {
	r.mu.Lock()
	defer r.mu.Unlock()
	recs := make([]record, 0, len(r.records))
	for _, rec := range r.records {
		recs = append(recs, rec)
	}
	slices.SortFunc(recs, func(a, b record) int { return cmp.Compare(a.Order, b.Order) })
	out := make([]archiver.Source, len(recs))
	for i, rec := range recs {
		out[i] = rec.Source
	}
	return out
}

// Len is how many FIFOs are attached.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.records)
}

// Quarantined is how many files could not be understood when it was opened.
func (r *Registry) Quarantined() int { return r.quarantined }
