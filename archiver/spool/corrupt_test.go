package spool // inside: see spool_test.go

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// exhibit is a log's directory with one file of every kind.
type exhibit struct {
	g     *rig
	files map[string][]byte
	lines map[int64]string // by sequence number
	last  int64
}

// newExhibit makes segments 1 (archived and evicted), 2 and 3 (archived), 4
// (sealed), 5 (a gap), 6 (sealed), and 7 (active, some of it committed).
func newExhibit(t *testing.T) *exhibit {
	g := newRig(t)
	x := &exhibit{g: g, files: map[string][]byte{}, lines: map[int64]string{}}
	for seg := int64(1); seg <= 7; seg++ {
		if seg == 5 {
			check(t, g.log.AppendGap(Gap{Gap: codec.Gap{Entries: 4, Reason: "test"}}))
			x.lines[g.log.Info().LastSeq-3] = string(codec.Gap{Entries: 4, Reason: "test"}.Line())
			continue
		}
		for i := range 6 {
			g.send(fmt.Sprintf("segment %d line %d", seg, i))
			x.lines[g.log.Info().LastSeq] = g.sent[len(g.sent)-1]
			if i%2 == 1 && (seg < 7 || i < 4) {
				check(t, g.log.Commit())
			}
		}
		if seg < 7 {
			g.log.Roll()
			check(t, g.log.Commit())
		}
		if seg <= 3 {
			check(t, g.archived(seg, Object{Segment: seg, SizeBytes: 9, Key: fmt.Sprint("key of ", seg)}))
		}
		if seg == 1 {
			_, err := g.log.Evict(0)
			check(t, err)
			clear(x.lines)
		}
	}
	x.last = g.log.Info().LastSeq
	names, err := os.ReadDir(g.cfg.Dir)
	check(t, err)
	for _, de := range names {
		b, err := os.ReadFile(filepath.Join(g.cfg.Dir, de.Name()))
		check(t, err)
		x.files[de.Name()] = b
	}
	return x
}

// result is what a damaged directory gives.
type result struct {
	lines       map[int64]string
	quarantined int
	gone        int // lines that gaps stand for
	corrupt     int
	lost        int64
	next        int64 // the number of the next entry
	objects     int
	all         bool // the objects are all
}

// open reads the directory with one file replaced, goes on writing to it, and
// opens it again.
func (x *exhibit) open(t *testing.T, trust bool, name string, content []byte) (r, again result) {
	t.Helper()
	dir := filepath.Join(scratch(t), "c")
	check(t, os.MkdirAll(dir, 0o700))
	for n, b := range x.files {
		if n == name {
			b = content
		}
		check(t, os.WriteFile(filepath.Join(dir, n), b, 0o600))
	}
	cfg := x.g.cfg
	cfg.Dir, cfg.Trust = dir, trust
	// Much later than the last number, as always.
	cfg.Now = func() time.Time { return x.g.now.Add(time.Hour) }
	r = x.read(t, cfg)
	again = x.read(t, cfg)
	check(t, os.RemoveAll(filepath.Dir(dir)))
	return r, again
}

func (x *exhibit) read(t *testing.T, cfg Config) (r result) {
	t.Helper()
	l, quarantined, err := Open(cfg)
	check(t, err)
	defer func() { check(t, l.Close()) }()
	r = result{lines: map[int64]string{}, quarantined: quarantined, lost: l.Info().LostBytes}
	sn := l.Snapshot()
	objs, all, err := sn.AllObjects()
	check(t, err)
	r.objects, r.all = len(objs), all
	c := sn.Cursor(0)
	defer c.Close()
	last := int64(0)
	for range 1000 {
		b, err := c.Next(context.Background(), false, nil)
		var bad *codec.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			h := &rig{t: t, cfg: cfg, log: l}
			h.pipe()
			l.DropTorn()
			h.send("new")
			r.next = l.Info().LastSeq
			return r
		case errors.As(err, &bad):
			r.corrupt++
			continue
		}
		check(t, err)
		seq := b.FirstSeq
		for f := b.Frames; len(f) > 0; seq++ {
			var e codec.Entry
			n, err := codec.ParseFrame(f, &e)
			check(t, err)
			f = f[n:]
			if seq <= last {
				t.Fatalf("entry %d after %d", seq, last)
			}
			last = seq
			if gap, err := codec.ParseGap(e.Line); err == nil && gap.Reason == reasonUnreadable {
				r.gone += int(gap.Entries)
				continue
			}
			r.lines[seq] = string(e.Line)
		}
	}
	t.Fatal("reading does not end")
	return r
}

// TestAnyDamage cuts and flips every file of a log at many places: what comes
// out is what went in, loss is confined to the damaged file and told, and no
// number is given again.
func TestAnyDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it damages files hundreds of times")
	}
	x := newExhibit(t)
	for _, trust := range []bool{true, false} {
		whole, _ := x.open(t, trust, "", nil)
		if whole.quarantined+whole.corrupt != 0 || !whole.all || trust && !maps.Equal(whole.lines, x.lines) {
			t.Fatalf("undamaged: %+v", whole)
		}
		for _, name := range slices.Sorted(maps.Keys(x.files)) {
			t.Run(fmt.Sprint(name, " trust=", trust), func(t *testing.T) {
				b := x.files[name]
				for i := 0; i < len(b); i += step(name, i) {
					x.judge(t, whole, trust, name, b[:i], fmt.Sprintf("cut at %d of %d", i, len(b)))
					mod := bytes.Clone(b)
					mod[i] ^= 0x41
					x.judge(t, whole, trust, name, mod, fmt.Sprintf("flipped at %d of %d", i, len(b)))
				}
			})
		}
	}
}

// step passes over most of the JSON and of the lines' bytes, which are all alike.
func step(name string, i int) int {
	if testing.Short() {
		return 23
	}
	if strings.HasSuffix(name, extIndex) && i > 300 {
		return 5
	}
	return 11
}

func (x *exhibit) judge(t *testing.T, whole result, trust bool, name string, content []byte, what string) {
	t.Helper()
	r, again := x.open(t, trust, name, content)
	seg, state, _, isData := parseSegmentName(name)
	if !isData { // the sidecar's
		base, _, _ := strings.Cut(name, ".")
		seg, _, _, _ = parseSegmentName(base + extActive)
	}
	lost := 0
	for seq, line := range whole.lines {
		got, ok := r.lines[seq]
		switch {
		case ok && got != line && !(state == filling && seq > x.last-2):
			t.Fatalf("%s: entry %d is %q, not %q", what, seq, got, line)
		case !ok && seg != 0 && segmentOf(line) != seg && !(seg <= 3 && segmentOf(line) < seg):
			t.Fatalf("%s: lost %q", what, line)
		case !ok:
			lost++
		}
	}
	if len(r.lines)+lost > len(whole.lines) {
		t.Fatalf("%s: %d entries and %d lost of %d", what, len(r.lines), lost, len(whole.lines))
	}
	switch {
	case seg == 0 && lost > 0:
		t.Fatalf("%s: lost %d entries", what, lost)
	case lost > 0 && r.quarantined+r.corrupt == 0 && r.lost == 0 && !(state == filling && isData):
		t.Fatalf("%s: lost %d entries in silence", what, lost)
	case name == streamFile && r.quarantined != 1:
		t.Fatalf("%s: taken for whole", what)
	case name == archivedFile && r.all && !(bytes.HasPrefix(x.files[name], content) && bytes.HasSuffix(content, []byte("\n"))):
		// Cut at a line's end, it lacks only what is here; later it is not dense.
		t.Fatalf("%s: taken for whole", what)
	case r.next < whole.next && seg != 7:
		t.Fatalf("%s: gives number %d again", what, r.next)
	}
	want := lost
	if seg == 5 && lost > 0 {
		want = 4 // its own
	}
	// The numbers of what was between others are known; of the last ones perhaps.
	if r.gone > want || seg >= 4 && seg <= 6 && r.corrupt == 0 && r.gone != want || again.gone != r.gone {
		t.Fatalf("%s: lost %d entries, gaps stand for %d, and then %d", what, want, r.gone, again.gone)
	}
	for seq, line := range r.lines {
		if again.lines[seq] != line {
			t.Fatalf("%s: entry %d of %q is gone at the second start", what, seq, line)
		}
	}
	if again.quarantined != 0 || again.lines[r.next] != "new" {
		t.Fatalf("%s: second start: %d quarantined, the new entry is %q", what, again.quarantined, again.lines[r.next])
	}
}

// segmentOf is the number in an exhibit's line; of the gap that is 5.
func segmentOf(line string) int64 {
	var n int64
	if _, err := fmt.Sscanf(line, "segment %d", &n); err != nil {
		return 5
	}
	return n
}

// TestDamagedRecordsCostNothing: the data tells where its frames end.
func TestDamagedRecordsCostNothing(t *testing.T) {
	x := newExhibit(t)
	name := segmentName(4, extIndex)
	b := x.files[name]
	head := len(b) - 3*recordLen - recordLen // a source record and three batches
	for at := head; at < len(b); at += 7 {
		for _, content := range [][]byte{b[:at], flipped(b, at)} {
			r, again := x.open(t, true, name, content)
			if !maps.Equal(r.lines, x.lines) || r.quarantined != 1 || again.quarantined != 0 {
				t.Fatalf("at %d of %d: %d lines of %d, %d and %d quarantined", at, len(b), len(r.lines), len(x.lines), r.quarantined, again.quarantined)
			}
		}
	}
}

// TestDamagedDataCostsItsBatch, and no more.
func TestDamagedDataCostsItsBatch(t *testing.T) {
	x := newExhibit(t)
	for _, name := range []string{segmentName(4, extSealed), segmentName(3, extArchived), segmentName(7, extActive)} {
		for _, trust := range []bool{true, false} {
			r, _ := x.open(t, trust, name, flipped(x.files[name], 10))
			if want, _ := x.open(t, trust, "", nil); r.corrupt != 1 || len(r.lines) != len(want.lines)-2 {
				t.Errorf("%s: %d lines of %d, %d errors", name, len(r.lines), len(want.lines), r.corrupt)
			}
		}
	}
}

// TestEveryByteOfASidecar flips each byte of a sidecar and of a gap, one at a
// time: nothing is lost, at this start or the next.
func TestEveryByteOfASidecar(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it damages every byte")
	}
	x := newExhibit(t)
	for _, name := range []string{segmentName(4, extIndex), segmentName(5, extGap), segmentName(7, extIndex)} {
		want, _ := x.open(t, true, "", nil)
		for at := range x.files[name] {
			if testing.Short() && at%7 != 0 {
				continue
			}
			r, again := x.open(t, true, name, flipped(x.files[name], at))
			// A last record that is not whole is what a crash leaves: no damage.
			torn := name == segmentName(7, extIndex) && at >= len(x.files[name])-recordLen
			if !maps.Equal(r.lines, want.lines) || r.quarantined != 1 && !torn || r.next != want.next {
				t.Fatalf("%s, byte %d of %d: %d lines of %d, %d repaired, the next number is %d, want %d",
					name, at, len(x.files[name]), len(r.lines), len(want.lines), r.quarantined, r.next, want.next)
			}
			if again.quarantined != 0 || again.lines[r.next] != "new" || len(again.lines) != len(r.lines)+1 {
				t.Fatalf("%s, byte %d: second start: %d lines of %d, %d repaired", name, at, len(again.lines), len(r.lines)+1, again.quarantined)
			}
		}
	}
}

// TestSidecarWithoutACopy: sidecars that were written before the header had a
// second copy are read as they are.
func TestSidecarWithoutACopy(t *testing.T) {
	x := newExhibit(t)
	want, _ := x.open(t, true, "", nil)
	for name, b := range x.files {
		if !strings.HasSuffix(name, extIndex) && !strings.HasSuffix(name, extGap) {
			continue
		}
		n, h, err := parseHeader(b)
		check(t, err)
		end, copied, err := findCopy(b)
		check(t, err)
		if !reflect.DeepEqual(h, copied) {
			t.Fatalf("%s: the copy has %+v, the header %+v", name, copied, h)
		}
		r, again := x.open(t, true, name, append(bytes.Clone(b[:n]), b[end:]...))
		if !maps.Equal(r.lines, want.lines) || r.quarantined+again.quarantined != 0 {
			t.Errorf("%s: %d lines of %d, %d repaired", name, len(r.lines), len(want.lines), r.quarantined)
		}
	}
}

// scratch is a folder for many small files that need no disk under them.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "coldtail-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x41
	return b
}
