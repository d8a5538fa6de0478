package readback_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus" //nolint:depguard // to read what the archiver counts

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// heldBucket refuses to store, where held.
type heldBucket struct {
	bucket.Bucket
	held atomic.Bool
}

func (b *heldBucket) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts bucket.PutOptions) error {
	if b.held.Load() {
		return &bucket.Error{Op: bucket.OpPut, Key: key, Permanent: true, Err: errors.New("access denied")}
	}
	return b.Bucket.Put(ctx, key, r, sizeBytes, opts)
}

// site is a folder with a state and a bucket, on which plugins run one after
// the other.
type site struct {
	t       *testing.T
	dir     string
	bucket  *heldBucket
	a       *archiver.Archiver
	r       *readback.Reader
	log     *bytes.Buffer // of the running one; read it after stop
	metrics *prometheus.Registry
	stop    func()
}

func start(t *testing.T, dir string) *site {
	t.Helper()
	s := &site{t: t, dir: dir, log: &bytes.Buffer{}, metrics: prometheus.NewRegistry()}
	b, err := filebucket.Open(filebucket.Config{Dir: filepath.Join(dir, "bucket")}, slog.New(slog.DiscardHandler))
	check(t, err)
	s.bucket = &heldBucket{Bucket: b}
	s.a, err = archiver.New(archiver.Config{
		StateDir: filepath.Join(dir, "state"), CommitInterval: 5 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(s.log, nil)), Registerer: s.metrics,
	}, s.bucket)
	check(t, err)
	s.r = readback.New(readback.Config{Bucket: s.bucket, Local: s.a.Snapshot, LocalSince: s.a.Created(), Timeout: time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.a.Run(ctx) }()
	s.stop = func() { cancel(); check(t, <-done) }
	return s
}

// write has a container write lines, with time for commits in between.
func (s *site) write(container string, lines ...string) {
	s.t.Helper()
	f := fifotest.New(s.t)
	defer f.Close()
	check(s.t, s.a.Attach(s.t.Context(), archiver.Source{Path: f.Name(), Meta: codec.Meta{ContainerID: container}, Options: archiver.DefaultOptions()}))
	for two := range slices.Chunk(lines, 2) {
		f.Print(two...)
		time.Sleep(15 * time.Millisecond)
	}
	check(s.t, s.a.Detach(s.t.Context(), f.Name()))
}

// read returns a container's lines and how many losses were reported among them.
func (s *site) read(container string) (lines []string, corrupt int) {
	s.t.Helper()
	q := readback.Query{ContainerID: container, Tail: -1, Created: s.a.Created().Add(time.Second)}
	for e, err := range s.r.Entries(s.t.Context(), q) {
		if bad := (*codec.CorruptError)(nil); errors.As(err, &bad) {
			corrupt++
			continue
		}
		check(s.t, err)
		if e.Seq != 0 {
			lines = append(lines, string(e.Line))
		}
	}
	return lines, corrupt
}

func (s *site) flush(evict bool) {
	s.t.Helper()
	if res, err := s.a.Flush(s.t.Context(), evict); err != nil || res.Pending != 0 {
		s.t.Fatalf("flush: %+v, %v", res, err)
	}
}

// flushDamaged is flush, and reports whether that said that something was given up.
func (s *site) flushDamaged(evict bool) bool {
	s.t.Helper()
	res, err := s.a.Flush(s.t.Context(), evict)
	if res.Pending != 0 || (err != nil) != (res.Quarantine.Unarchived > 0) {
		s.t.Fatalf("flush: %+v, %v", res, err)
	}
	return err != nil
}

// withoutGaps returns the rows that are no gap rows, and how many entries these
// stand for.
func withoutGaps(t *testing.T, rows []string) (lines []string, gone int) {
	t.Helper()
	for _, r := range rows {
		if !strings.HasPrefix(r, "{") {
			lines = append(lines, r)
			continue
		}
		gap, err := codec.ParseGap([]byte(r))
		check(t, err)
		gone += int(gap.Entries)
	}
	return lines, gone
}

// counted sums up the metrics that count damage.
func (s *site) counted() (n float64) {
	s.t.Helper()
	fams, err := s.metrics.Gather()
	check(s.t, err)
	for _, f := range fams {
		switch f.GetName() {
		case "coldtail_quarantined_segments_total", "coldtail_corrupt_records_total", "coldtail_lost_bytes_total":
			n += f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return n
}

// Containers of the corruption tests.
var (
	hurt  = strings.Repeat("a", 64)
	other = strings.Repeat("b", 64)
)

func tenths(first int) (lines []string) {
	for i := range 10 {
		lines = append(lines, fmt.Sprint("line ", first+i))
	}
	return lines
}

// newImage returns what a SIGKILL leaves of a site: of the container hurt there
// is segment 1 in the bucket only, 2 in the bucket and cached, 3 sealed, 4 active.
func newImage(t *testing.T) string {
	t.Helper()
	s := start(t, t.TempDir())
	s.write(hurt, tenths(0)...)
	s.flush(true)
	s.write(hurt, tenths(10)...)
	s.flush(false)
	s.bucket.held.Store(true)
	s.write(hurt, tenths(20)...)
	if _, err := s.a.Flush(t.Context(), false); err == nil {
		t.Fatal("flushed into a bucket that refuses")
	}
	s.write(hurt, tenths(30)...)
	s.write(other, "other")
	image := t.TempDir()
	check(t, os.CopyFS(image, os.DirFS(s.dir)))
	s.stop()
	return image
}

// TestDamagedState damages every file of a container's log at some places
// between two runs. What is whole comes out in order, here and from the bucket;
// what is lost is counted and named, once; another container is not affected.
func TestDamagedState(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it damages every file of a state")
	}
	image := newImage(t)
	names, err := os.ReadDir(filepath.Join(image, "state", "spool", hurt))
	check(t, err)
	if len(names) != 8 {
		t.Fatalf("%d files: %v", len(names), names)
	}
	for _, de := range names {
		file := filepath.Join("state", "spool", hurt, de.Name())
		b, err := os.ReadFile(filepath.Join(image, file))
		check(t, err)
		t.Run(de.Name(), func(t *testing.T) {
			for _, at := range []int{0, len(b) / 4, len(b) / 2, len(b) - 70, len(b) - 2} {
				at = max(0, at)
				flipped := bytes.Clone(b)
				flipped[at] ^= 0x41
				damagedState(t, image, file, b[:at], fmt.Sprintf("cut at %d of %d", at, len(b)), mayLose(de.Name(), b, at))
				damagedState(t, image, file, flipped, fmt.Sprintf("flipped at %d of %d", at, len(b)), mayLose(de.Name(), b, -1))
			}
		})
	}
}

// mayLose returns the lines of which some may be lost with a damaged file: of a
// segment's data those of that segment, where they are not in the bucket; of its
// sidecar none, as that is written again from the data, but where it was cut (at
// is where, or negative) before the end of its header, which is what cannot be
// found out again.
func mayLose(name string, sidecar []byte, at int) (lines []string) {
	const sealed, active = "0000000003.", "0000000004."
	switch {
	case strings.HasSuffix(name, ".idx") && (at < 0 || at >= headerEnd(sidecar)):
	case strings.HasPrefix(name, sealed):
		return tenths(20)
	case strings.HasPrefix(name, active):
		return tenths(30)
	}
	return nil
}

// headerEnd is where a sidecar's header ends (docs/format.md).
func headerEnd(sidecar []byte) int {
	return 12 + int(binary.LittleEndian.Uint32(sidecar[8:])) + 4
}

func damagedState(t *testing.T, image, file string, content []byte, what string, mayLose []string) {
	t.Helper()
	dir := t.TempDir()
	check(t, os.CopyFS(dir, os.DirFS(image)))
	check(t, os.WriteFile(filepath.Join(dir, file), content, 0o600))
	s := start(t, dir)
	got, corrupt := s.read(hurt)
	s.write(hurt, "after")
	gaveUp := s.flushDamaged(true)
	rows, again := s.read(hurt)
	final, gone := withoutGaps(t, rows)
	if again != 0 {
		t.Errorf("%s: the archive has %d damaged places", what, again)
	}
	all := append(slices.Concat(tenths(0), tenths(10), tenths(20), tenths(30)), "after")
	lost, before := 0, -1
	for i, line := range all {
		if slices.Contains(final, line) {
			continue
		}
		if !slices.Contains(mayLose, line) || before >= 0 && before != i-1 {
			t.Fatalf("%s: %q is lost: read %q", what, line, final)
		}
		lost, before = lost+1, i // what one place damages are neighbours
	}
	if !slices.IsSortedFunc(final, func(x, y string) int { return slices.Index(all, x) - slices.Index(all, y) }) || len(final) != len(all)-lost {
		t.Fatalf("%s: read %q", what, final)
	}
	if gaveUp != (lost > 0) || gone > lost {
		t.Errorf("%s: flush told of a loss: %v; %d lines are lost, gap rows count %d", what, gaveUp, lost, gone)
	}
	if strings.Contains(file, "0000000003.") && gone != lost { // what is around it tells how many
		t.Errorf("%s: gap rows count %d of %d lost lines", what, gone, lost)
	}
	got, _ = withoutGaps(t, got)
	for _, line := range got {
		if !slices.Contains(final, line) {
			t.Fatalf("%s: %q was read, and then not", what, line)
		}
	}
	if len(got) < len(final)-1 && corrupt == 0 {
		t.Errorf("%s: read %d of %d lines in silence", what, len(got), len(final))
	}
	if lines, _ := s.read(other); !slices.Equal(lines, []string{"other"}) {
		t.Errorf("%s: the other container has %q", what, lines)
	}
	counted := s.counted()
	t.Logf("%s: %d lost, %v counted, %d reported", what, lost, counted, corrupt)
	s.stop()
	if lost > 0 && (counted == 0 || !strings.Contains(s.log.String(), "level=ERROR")) || strings.Contains(s.log.String(), "line ") {
		t.Errorf("%s: lost %d lines, counted %v: %s", what, lost, counted, s.log)
	}

	s = start(t, dir)
	if again, _ := s.read(hurt); !slices.Equal(again, rows) {
		t.Errorf("%s: at the second start %d rows of %d", what, len(again), len(rows))
	}
	if s.flushDamaged(false) != gaveUp {
		t.Errorf("%s: a flush after a restart tells something else of the loss", what)
	}
	counted = s.counted()
	s.stop()
	if counted != 0 || strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("%s: reported again, %v: %s", what, counted, s.log)
	}
}

// TestDamagedObject flips and cuts an object in the bucket, anywhere: the other
// objects and what is local are read all the same, and the loss is named.
func TestDamagedObject(t *testing.T) {
	for _, format := range codec.Formats() {
		g := newRig(t, format)
		for range 3 {
			g.print(10)
			g.flush(true)
		}
		g.print(10)
		var objects []string
		check(t, filepath.WalkDir(g.bucketDir, func(path string, d os.DirEntry, err error) error {
			if fi, e := d.Info(); e == nil && !d.IsDir() && fi.Size() > 0 && strings.Contains(path, "hour=") {
				objects = append(objects, path)
			}
			return err
		}))
		if len(objects) < 3 {
			t.Fatalf("objects: %v", objects)
		}
		b, err := os.ReadFile(objects[1])
		check(t, err)
		for at := 0; at < len(b); at += 1 + len(b)/60 {
			flipped := bytes.Clone(b)
			flipped[at] ^= 0x41
			for what, content := range map[string][]byte{"flipped": flipped, "cut": b[:at]} {
				check(t, os.WriteFile(objects[1], content, 0o600))
				judgeObject(t, g, fmt.Sprintf("%s: %s at %d of %d", format, what, at, len(b)))
			}
		}
		check(t, os.WriteFile(objects[1], b, 0o600))
	}
}

func judgeObject(t *testing.T, g *rig, what string) {
	t.Helper()
	var got []string
	reported := 0
	for e, err := range g.r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1}) {
		switch bad := (*codec.CorruptError)(nil); {
		case errors.As(err, &bad):
			reported++
		case err != nil:
			t.Fatalf("%s: %v", what, err)
		case e.Seq != 0:
			got = append(got, string(e.Line))
		}
	}
	rest := slices.DeleteFunc(slices.Clone(got), func(line string) bool {
		return slices.Contains(g.sent[10:20], line)
	})
	if !slices.Equal(rest, append(slices.Clone(g.sent[:10]), g.sent[20:]...)) {
		t.Fatalf("%s: beside the damaged object there is %q", what, rest)
	}
	if missing := len(g.sent) - len(got); missing > 0 && reported == 0 {
		t.Errorf("%s: %d lines are missing in silence", what, missing)
	}
	for i := 1; i < len(got); i++ {
		if slices.Index(g.sent, got[i-1]) >= slices.Index(g.sent, got[i]) {
			t.Fatalf("%s: %q after %q", what, got[i], got[i-1])
		}
	}
}
