package plugin

import (
	"bytes"
	"errors"
	"iter"
	"math"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// step is what an iterator of a test yields.
type step struct {
	e   codec.Entry
	err error
}

func seq(steps []step) iter.Seq2[codec.Entry, error] {
	return func(yield func(codec.Entry, error) bool) {
		for _, s := range steps {
			if !yield(s.e, s.err) {
				return
			}
		}
	}
}

func entry(n int64, source, line string) step {
	return step{e: codec.Entry{Seq: n, TimeNano: n, Source: source, Line: []byte(line)}}
}

func TestFramesAreFlushedWhenIdle(t *testing.T) {
	var got []int // bytes sent at each flush
	rec := httptest.NewRecorder()
	fw := &frameWriter{w: rec, flush: func() error { got = append(got, rec.Body.Len()); return nil }}
	big := string(bytes.Repeat([]byte("x"), flushBytes))
	var mark step
	if err := fw.copy(seq([]step{entry(1, codec.Stdout, "a"), entry(2, codec.Stdout, "b"), mark, mark, entry(3, codec.Stdout, big), entry(4, codec.Stdout, "c")})); err != nil {
		t.Fatal(err)
	}
	size := func(line string) int {
		return len(codec.AppendReadFrame(nil, &codec.Entry{TimeNano: 1, Source: codec.Stdout, Line: []byte(line)}))
	}
	want := []int{2 * size("a"), 2*size("a") + size(big), 3*size("a") + size(big)}
	if !slices.Equal(got, want) {
		t.Errorf("flushed at %v, want %v", got, want)
	}
}

func TestGapsAndErrorsAreShown(t *testing.T) {
	rec := httptest.NewRecorder()
	fw := &frameWriter{w: rec, flush: func() error { return nil }}
	end := errors.New("bucket is away")
	err := fw.copy(seq([]step{
		entry(1, codec.GapSource, "gap"),
		{err: &codec.CorruptError{What: "page", Offset: 7, Err: errors.New("bad\nsum")}},
		entry(2, codec.Stdout, "on"),
		{err: end},
	}))
	if !errors.Is(err, end) {
		t.Fatalf("got %v", err)
	}
	fw.complain(err)
	if err := fw.send(); err != nil {
		t.Fatal(err)
	}
	want := []string{"stderr: gap\n", "stderr: coldtail: read page at offset 7: bad; sum\n", "stdout: on\n", "stderr: coldtail: bucket is away\n"}
	if got := lines(t, rec.Body.String()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMissingIsNamedOnceAndGoesOn: what the bucket did not give is one line on
// stderr, and what is followed comes behind it.
func TestMissingIsNamedOnceAndGoesOn(t *testing.T) {
	rec := httptest.NewRecorder()
	fw := &frameWriter{w: rec, flush: func() error { return nil }}
	missing := &readback.MissingError{To: time.Unix(0, 0), Err: errors.New("connection refused")}
	if err := fw.copy(seq([]step{entry(7, codec.Stdout, "local"), {err: missing}, {}, entry(8, codec.Stdout, "followed")})); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"stdout: local\n", "stderr: coldtail: cannot read what was archived before 1970-01-01T00:00:00Z: connection refused\n", "stdout: followed\n",
	}
	if got := lines(t, rec.Body.String()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(fw.missing, missing) {
		t.Errorf("noted %v", fw.missing)
	}
}

// frameLengthBytes is what a frame begins with.
const frameLengthBytes = 4

// TestBreakOff reads a broken stream as the daemon does: entries that it shows
// nobody fill its queue, then a frame is cut.
func TestBreakOff(t *testing.T) {
	rec := httptest.NewRecorder()
	fw := &frameWriter{w: rec, flush: func() error { return nil }}
	fw.breakOff(t.Context())
	entries, rest := fifotest.Split(rec.Body.Bytes())
	for _, e := range entries {
		if e.Source == codec.Stdout || e.Source == codec.Stderr {
			t.Fatalf("%q would be shown", e.Line)
		}
	}
	if len(entries) <= daemonQueue || len(rest) == 0 || len(rest) >= frameLengthBytes {
		t.Errorf("%d entries, then %d bytes", len(entries), len(rest))
	}
}

// TestComplaintsAreInRange keeps them from being dropped by the daemon, which
// filters by time.
func TestComplaintsAreInRange(t *testing.T) {
	past, future := time.Unix(1000, 0), time.Now().Add(time.Hour)
	for name, tc := range map[string]struct {
		cfg  readConfig
		want int64
	}{
		"until": {readConfig{Until: past}, past.UnixNano()},
		"since": {readConfig{Since: future}, future.UnixNano()},
		// The nearest that an entry's time can be.
		"until 1600": {readConfig{Until: time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)}, math.MinInt64},
		"since 9999": {readConfig{Since: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}, math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			fw := &frameWriter{cfg: tc.cfg}
			fw.complain(errors.New("x"))
			var e codec.Entry
			if _, err := codec.ParseFrame(fw.buf, &e); err != nil || e.TimeNano != tc.want {
				t.Errorf("got %d, %v, want %d", e.TimeNano, err, tc.want)
			}
		})
	}
}

func TestClientGone(t *testing.T) {
	gone := errors.New("broken pipe")
	fw := &frameWriter{w: httptest.NewRecorder(), flush: func() error { return gone }}
	n := 0
	err := fw.copy(func(yield func(codec.Entry, error) bool) {
		for yield(codec.Entry{Seq: 1, Line: bytes.Repeat([]byte("x"), 1<<14)}, nil) {
			n++
		}
	})
	if !errors.Is(err, gone) || !fw.failed || n > 10 {
		t.Errorf("got %v after %d entries", err, n)
	}
}
