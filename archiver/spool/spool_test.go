// The tests are inside the package, as they name, make, damage and parse its files, and
// compare these with what a Log has in memory.
package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/codec"
)

// rig is a Log with a pipe in front of it.
type rig struct {
	t    *testing.T
	cfg  Config
	log  *Log
	r, w int
	now  time.Time
	sent []string
}

func newRig(t *testing.T) *rig {
	g := &rig{t: t, now: time.Unix(1_700_000_000, 0)}
	g.cfg = Config{
		Dir: filepath.Join(t.TempDir(), "c"), ContainerID: "c1", SpoolID: "s1",
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return g.now }, Trust: true,
	}
	g.pipe()
	g.open()
	t.Cleanup(func() { g.log.Close() })
	return g
}

func (g *rig) pipe() {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		g.t.Fatal(err)
	}
	g.r, g.w = p[0], p[1]
	g.t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
}

func (g *rig) open() {
	g.t.Helper()
	l, quarantined, err := Open(g.cfg)
	if err != nil || quarantined != 0 {
		g.t.Fatalf("open: %d quarantined, %v", quarantined, err)
	}
	g.log = l
}

func (g *rig) frame(line string) []byte {
	return codec.AppendFrame(nil, &codec.Entry{Source: codec.Stdout, TimeNano: int64(len(g.sent)), Line: []byte(line)})
}

func (g *rig) write(b []byte) {
	g.t.Helper()
	if n, err := unix.Write(g.w, b); err != nil || n != len(b) {
		g.t.Fatalf("write: %d of %d, %v", n, len(b), err)
	}
}

// send writes whole entries and fills.
func (g *rig) send(lines ...string) {
	g.t.Helper()
	for _, s := range lines {
		g.write(g.frame(s))
		g.sent = append(g.sent, s)
	}
	g.fill()
}

func (g *rig) fill() Filled {
	g.t.Helper()
	return g.fillFrom("fifo")
}

func (g *rig) fillFrom(source string) (total Filled) {
	g.t.Helper()
	for {
		f, err := g.log.Fill(g.r, source)
		if err != nil && !errors.Is(err, io.EOF) {
			g.t.Fatalf("fill: %v", err)
		}
		if f.Bytes == 0 {
			return total
		}
		total.Entries += f.Entries
		total.Lost += f.Lost
		total.Torn = f.Torn
	}
}

// read collects lines from a snapshot and checks that sequence numbers are dense.
func (g *rig) read(fromSeq int64) []string {
	g.t.Helper()
	sn := g.log.Snapshot()
	c := sn.Cursor(fromSeq)
	defer c.Close()
	return collect(g.t, c, fromSeq, false)
}

// droppedLine stands for each entry of a gap.
const droppedLine = "\x00dropped"

func collect(t *testing.T, c *Cursor, fromSeq int64, follow bool) (lines []string) {
	t.Helper()
	next := int64(0)
	for {
		b, err := c.Next(context.Background(), follow, nil)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatalf("next: %v", err)
		}
		if next != 0 && b.FirstSeq != next {
			t.Fatalf("batch starts with entry %d, want %d", b.FirstSeq, next)
		}
		next = b.FirstSeq
		for f := b.Frames; len(f) > 0; next++ {
			var e codec.Entry
			n, err := codec.ParseFrame(f, &e)
			if err != nil {
				t.Fatalf("frame: %v", err)
			}
			f = f[n:]
			if e.Source == codec.GapSource {
				gap, err := codec.ParseGap(e.Line)
				check(t, err)
				lines = append(lines, slices.Repeat([]string{droppedLine}, int(gap.Entries))...)
				next += gap.Entries - 1
			} else if next >= fromSeq {
				lines = append(lines, string(e.Line))
			}
		}
	}
}

func (g *rig) archived(seg int64, objs ...Object) error {
	v, err := g.log.OpenSegment(seg)
	check(g.t, err)
	defer v.Close()
	return g.log.Archived(v, objs)
}

func (g *rig) want(lines []string) {
	g.t.Helper()
	got := g.read(0)
	if !slices.Equal(got, lines) {
		g.t.Fatalf("got %d lines %.80q, want %d %.80q", len(got), got, len(lines), lines)
	}
}

func TestSilentFIFOMakesNothing(t *testing.T) {
	g := newRig(t)
	g.fill()
	if _, err := os.Stat(g.cfg.Dir); !os.IsNotExist(err) {
		t.Fatalf("the directory exists: %v", err)
	}
	unix.Close(g.w)
	if _, err := g.log.Fill(g.r, "fifo"); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, want EOF", err)
	}
}

func TestLifecycle(t *testing.T) {
	g := newRig(t)
	g.send("a", "", "b\x00\xff")
	g.want(g.sent)
	check(t, g.log.Commit())
	g.send("c")
	g.log.Roll()
	g.send("d")
	g.want(g.sent)
	if p := g.log.Pending(); len(p) != 0 {
		t.Fatalf("pending %v before the commit", p)
	}
	check(t, g.log.Commit())
	if p := g.log.Pending(); !slices.Equal(p, []int64{1}) {
		t.Fatalf("pending %v, want segment 1", p)
	}
	first := g.log.Info().LastSeq - 4
	objs := []Object{{Segment: 1, SizeBytes: 7, Key: "k with space"}}
	check(t, g.archived(1, objs...))
	g.want(g.sent)
	if _, err := g.log.Evict(0); err != nil {
		t.Fatal(err)
	}
	g.want(g.sent[4:])
	check(t, g.log.Close())
	g.open()
	g.send("e")
	g.want(g.sent[4:])
	if got := g.log.Info().LastSeq; got != first+5 {
		t.Fatalf("last seq %d, want %d", got, first+5)
	}
	sn := g.log.Snapshot()
	if got, all, err := sn.AllObjects(); err != nil || !all || !slices.Equal(got, objs) {
		t.Fatalf("objects %v, %v", got, err)
	}
	if v := sn.Segments[0]; v.Header.SegmentSeq != 2 || v.Header.Origin {
		t.Fatalf("header %+v", v.Header)
	}
}

// TestNumbersOutliveSegments: with every segment evicted, numbers go on.
func TestNumbersOutliveSegments(t *testing.T) {
	g := newRig(t)
	g.send("a", "b")
	g.log.Roll()
	check(t, g.log.Commit())
	last := g.log.Info().LastSeq
	check(t, g.archived(1))
	_, err := g.log.Evict(0)
	check(t, err)
	check(t, g.log.Close())
	g.now = g.now.Add(time.Hour)
	g.open()
	g.send("c")
	if got := g.log.Info().LastSeq; got != last+1 {
		t.Fatalf("entry %d, want %d", got, last+1)
	}
}

func TestRollWaitsForTheFramesEnd(t *testing.T) {
	g := newRig(t)
	f := g.frame("a long enough line")
	g.sent = append(g.sent, "a long enough line")
	g.write(f[:7])
	if r := g.fill(); !r.Torn {
		t.Fatal("not torn")
	}
	g.log.Roll()
	g.write(f[7:9])
	g.fill()
	g.write(f[9:])
	g.write(g.frame("b"))
	g.sent = append(g.sent, "b")
	g.fill()
	g.want(g.sent)
	sn := g.log.Snapshot()
	if len(sn.Segments) != 2 || sn.Segments[0].Entries() != 1 || sn.Segments[1].Entries() != 1 {
		t.Fatalf("%d segments", len(sn.Segments))
	}
}

// TestUnfinishedFrameGoesOnAfterRestart is what a SIGKILL leaves: no Close.
func TestUnfinishedFrameGoesOnAfterRestart(t *testing.T) {
	for _, cut := range []int{1, 3, 4, 5, 11, 20} {
		g := newRig(t)
		g.send("a")
		f := g.frame("the second line, torn")
		g.write(f[:cut])
		g.fill()
		g.open()
		if !g.log.Torn("fifo") || g.log.Torn("another fifo") {
			t.Fatal("the unfinished frame's source is not known")
		}
		g.want([]string{"a"})
		g.log.Roll()
		g.write(f[cut:])
		g.fill()
		g.send("c")
		g.want([]string{"a", "the second line, torn", "c"})
	}
}

func TestDropTorn(t *testing.T) {
	g := newRig(t)
	g.send("a")
	f := g.frame("never finished")
	g.write(f[:9])
	g.fill()
	if n := g.log.DropTorn(); n != 9 {
		t.Fatalf("dropped %d", n)
	}
	g.send("b")
	check(t, g.log.Commit())
	g.send("c")
	g.want(g.sent)
	g.open()
	g.want(g.sent)
	if n := g.log.DropTorn(); n != 0 {
		t.Fatalf("dropped %d", n)
	}
}

// TestResync: bytes from a frame's middle are passed over, also by recovery.
func TestResync(t *testing.T) {
	g := newRig(t)
	g.send("a")
	f := g.frame("torn by a dead daemon")
	g.write(f[10:])
	g.send("b")
	if got := g.log.Info().LostBytes; got != int64(len(f)-10) {
		t.Fatalf("lost %d, want %d", got, len(f)-10)
	}
	g.want(g.sent)
	g.open()
	g.want(g.sent)
	g.write(bytes.Repeat([]byte{0xee}, 50_000))
	g.send("c")
	check(t, g.log.Commit())
	g.open()
	g.want(g.sent)
}

func TestLargeFrame(t *testing.T) {
	g := newRig(t)
	big := string(bytes.Repeat([]byte("x"), 3<<20))
	g.sent = append(g.sent, "a", big, "b")
	var all []byte
	for _, s := range g.sent {
		all = append(all, g.frame(s)...)
	}
	for len(all) > 0 {
		n := min(len(all), 60<<10)
		g.write(all[:n])
		g.fill()
		all = all[n:]
	}
	g.want(g.sent)
	g.open()
	g.want(g.sent)
}

func TestFromSeq(t *testing.T) {
	g := newRig(t)
	for i := range 40 {
		g.send(fmt.Sprint(i))
		if i%3 == 0 {
			check(t, g.log.Commit())
		}
		if i%7 == 0 {
			g.log.Roll()
		}
	}
	last := g.log.Info().LastSeq
	for i := range 40 {
		if got := g.read(last - int64(i)); !slices.Equal(got, g.sent[39-i:]) {
			t.Fatalf("from last-%d: %q", i, got)
		}
	}
	if got := g.read(last + 1); len(got) != 0 {
		t.Fatalf("past the end: %q", got)
	}
}

// TestFollow has readers of several speeds beside a writer that rolls,
// commits, archives and evicts nothing.
func TestFollow(t *testing.T) {
	g := newRig(t)
	detach := g.log.Attached()
	var wg sync.WaitGroup
	got := make([][]string, 4)
	for i := range got {
		sn := g.log.Snapshot()
		wg.Go(func() {
			c := sn.Cursor(0)
			defer c.Close()
			got[i] = collect(t, c, 0, true)
		})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		g.send(fmt.Sprint(i, string(make([]byte, rnd.IntN(300)))))
		switch rnd.IntN(60) {
		case 0:
			g.log.Roll()
		case 1:
			check(t, g.log.Commit())
		}
	}
	detach()
	wg.Wait()
	for i := range got {
		if !slices.Equal(got[i], g.sent) {
			t.Fatalf("follower %d got %d lines of %d", i, len(got[i]), len(g.sent))
		}
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	g := newRig(t)
	defer g.log.Attached()()
	g.send("a")
	sn := g.log.Snapshot()
	c := sn.Cursor(0)
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := c.Next(ctx, true, nil); err != nil {
		t.Fatal(err)
	}
	idle := 0
	go cancel()
	if _, err := c.Next(ctx, true, func() error { idle++; return nil }); !errors.Is(err, context.Canceled) || idle == 0 {
		t.Fatalf("got %v after %d idle calls", err, idle)
	}
}

// TestLaggingFollowerIsToldOfEviction: it must go to the bucket, not skip.
func TestLaggingFollowerIsToldOfEviction(t *testing.T) {
	g := newRig(t)
	defer g.log.Attached()()
	g.send("a")
	c := g.log.Snapshot().Cursor(0)
	defer c.Close()
	late := g.log.Snapshot().Cursor(0)
	defer late.Close()
	if _, err := c.Next(t.Context(), true, nil); err != nil {
		t.Fatal(err)
	}
	g.log.Roll()
	g.send("b")
	g.log.Roll()
	g.send("c")
	check(t, g.log.Commit())
	for _, seg := range g.log.Pending() {
		check(t, g.archived(seg))
	}
	if _, err := g.log.Evict(0); err != nil {
		t.Fatal(err)
	}
	first := c.Seq() - 1
	for _, x := range []struct {
		c   *Cursor
		seq int64
	}{{c, first + 1}, {late, first}} {
		if _, err := x.c.Next(t.Context(), true, nil); !errors.Is(err, ErrGone) || x.c.Seq() != x.seq {
			t.Fatalf("got %v at entry %d, want ErrGone at %d", err, x.c.Seq(), x.seq)
		}
	}
}

func TestFrozenValuesChangeWithASegment(t *testing.T) {
	g := newRig(t)
	g.log.Freeze(Frozen{Format: codec.Parquet, Meta: codec.Meta{Tag: "one"}})
	g.send("a")
	g.log.Freeze(Frozen{Format: codec.Parquet, Meta: codec.Meta{Tag: "one"}})
	g.send("b")
	g.log.Freeze(Frozen{Format: codec.NDJSON, Meta: codec.Meta{Tag: "two"}})
	g.send("c")
	sn := g.log.Snapshot()
	var got []string
	for _, v := range sn.Segments {
		got = append(got, fmt.Sprint(v.Header.Meta.Tag, " ", v.Header.Format, " ", v.Entries()))
	}
	if want := []string{"one parquet 2", "two ndjson 1"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// TestDrop: a dropped segment leaves its numbers and one row.
func TestDrop(t *testing.T) {
	g := newRig(t)
	for i := range 3 {
		g.send(fmt.Sprint("a", i), fmt.Sprint("b", i))
		g.log.Roll()
	}
	g.send("end")
	check(t, g.log.Commit())
	open, err := g.log.OpenSegment(2)
	check(t, err)
	defer open.Close()
	seg, ok := g.log.OldestPending()
	if !ok || seg != 1 {
		t.Fatalf("oldest pending is %d, %v", seg, ok)
	}
	gap := Gap{Gap: codec.Gap{Entries: 2, FirstNano: 5, LastNano: 7, Reason: "test"}}
	check(t, g.log.Drop(2, gap))
	if err := g.log.Drop(2, gap); err == nil {
		t.Fatal("dropped twice")
	}
	// An upload that was under way must not pass for the gap's.
	if err := g.log.Archived(open, nil); !errors.Is(err, ErrGone) {
		t.Fatalf("got %v, want ErrGone", err)
	}
	want := []string{"a0", "b0", string(gap.Line()), "a2", "b2", "end"}
	g.wantLoose(want)
	for _, ext := range []string{extSealed, extIndex} { // as if a crash had come before they were removed
		check(t, os.WriteFile(filepath.Join(g.cfg.Dir, segmentName(2, ext)), []byte("x"), 0o600))
	}
	g.open()
	g.wantLoose(want)
	check(t, g.log.AppendGap(Gap{Gap: codec.Gap{Entries: 10, Reason: "test"}}))
	last := g.log.Info().LastSeq
	g.send("after")
	if got := g.log.Info().LastSeq; got != last+1 {
		t.Fatalf("entry %d after %d", got, last)
	}
	for _, n := range g.log.Pending() {
		check(t, g.archived(n))
	}
	g.open()
	check(t, g.log.Forget(2))
	if got := g.loose(); len(got) != 7 || got[6] != "after" {
		t.Fatalf("got %q", got)
	}
}

// loose reads without expecting dense numbers.
func (g *rig) loose() (lines []string) {
	g.t.Helper()
	c := g.log.Snapshot().Cursor(0)
	defer c.Close()
	last := int64(0)
	for {
		b, err := c.Next(context.Background(), false, nil)
		if errors.Is(err, io.EOF) {
			return lines
		}
		check(g.t, err)
		if b.FirstSeq <= last {
			g.t.Fatalf("entry %d after %d", b.FirstSeq, last)
		}
		last = b.FirstSeq
		for f := b.Frames; len(f) > 0; {
			var e codec.Entry
			n, err := codec.ParseFrame(f, &e)
			check(g.t, err)
			f = f[n:]
			lines = append(lines, string(e.Line))
		}
	}
}

func (g *rig) wantLoose(lines []string) {
	g.t.Helper()
	if got := g.loose(); !slices.Equal(got, lines) {
		g.t.Fatalf("got %q, want %q", got, lines)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestNewerStreamState: fields that a later version added to stream.json are
// ignored; a later format is refused, and stays as it is.
func TestNewerStreamState(t *testing.T) {
	g := newRig(t)
	g.send("a")
	g.log.Roll()
	check(t, g.log.Commit())
	last := g.log.Info().LastSeq
	check(t, g.archived(1))
	_, err := g.log.Evict(0)
	check(t, err)
	check(t, g.log.Close())
	path := filepath.Join(g.cfg.Dir, streamFile)
	js := fmt.Appendf(nil, `{"future":[1],"last_seq":%d,"last_segment":1}`, last)
	write := func(version int) (b []byte) {
		b = fmt.Appendf(nil, `{"version":%d,"crc32c":%d,"more":{},"stream":%s}`, version, crc32.Checksum(js, castagnoli), js)
		check(t, os.WriteFile(path, b, 0o600))
		return b
	}
	newer := write(2)
	if _, _, err := Open(g.cfg); !errors.Is(err, codec.ErrNewer) {
		t.Errorf("version 2: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, newer) {
		t.Errorf("version 2 is now %q, %v", b, err)
	}
	write(1)
	g.open()
	g.send("b")
	if got := g.log.Info().LastSeq; got != last+1 {
		t.Errorf("entry %d, want %d", got, last+1)
	}
}
