package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"unicode/utf8"
)

func wantCorrupt(t *testing.T, err error) {
	t.Helper()
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		t.Errorf("error %v, want a CorruptError", err)
	}
}

func plainEntries(n int) []Entry {
	out := make([]Entry, n)
	for i := range out {
		out[i] = Entry{
			Seq: int64(i + 1), TimeNano: 1_700_000_000_000_000_000 + int64(i)*1_234_567, Source: Stdout,
			Line: fmt.Appendf(nil, `{"level":"info","n":%d,"msg":"request served","path":"/api/v1/items/%d","ms":%d}`, i, i*7919%1000, i%97),
		}
	}
	return out
}

// A countingReader counts what a decoder asks for.
type countingReader struct {
	*bytes.Reader
	mu    sync.Mutex
	calls int
	bytes int64
}

func (r *countingReader) ReadAt(b []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.bytes += int64(len(b))
	return r.Reader.ReadAt(b, off)
}

// A range reads little, in few requests.
func TestFewReads(t *testing.T) {
	all := plainEntries(120_000)
	last := all[len(all)-1].Seq
	for _, f := range Formats() {
		b, _ := encodeAll(t, f, testMeta(), all)
		for _, tt := range []struct {
			rg       Range
			calls    int
			maxBytes int64
		}{
			{Range{Tail: 10}, 4, 512 << 10},
			{Range{Tail: All, FromSeq: last - 5}, 4, 512 << 10},
			{Range{Tail: All}, 8, int64(len(b)) * 11 / 10},
			{Range{Tail: 0}, 1, 64 << 10},
		} {
			if f == NDJSON { // whole members are read, and some to look back
				tt.maxBytes = max(tt.maxBytes, 2<<20)
			}
			r := &countingReader{Reader: bytes.NewReader(b)}
			dec, err := NewDecoder(f, r, int64(len(b)), tt.rg)
			if err != nil {
				t.Fatal(err)
			}
			var e Entry
			n := 0
			for dec.Next(&e) == nil {
				n++
			}
			if want := len(wanted(all, tt.rg)); n != want {
				t.Errorf("%s %+v: %d entries, want %d", f, tt.rg, n, want)
			}
			t.Logf("%s %+v: %d reads, %d of %d bytes", f, tt.rg, r.calls, r.bytes, len(b))
			if r.calls > tt.calls || r.bytes > tt.maxBytes {
				t.Errorf("%s %+v: %d reads of %d bytes, want %d of %d", f, tt.rg, r.calls, r.bytes, tt.calls, tt.maxBytes)
			}
			dec.Close()
		}
	}
}

// A reader's own errors are not corruption.
func TestReadErrorsPass(t *testing.T) {
	away := errors.New("away")
	for _, f := range Formats() {
		b, _ := encodeAll(t, f, testMeta(), plainEntries(50_000))
		for good := range 4 {
			n, err := drain(f, &failingReader{bytes.NewReader(b), good, away}, int64(len(b)))
			if !errors.Is(err, away) && (good == 0 || n < 50_000 || err != io.EOF) {
				t.Errorf("%s: %d entries and error %v after %d reads", f, n, err, good)
			}
			var corrupt *CorruptError
			if errors.As(err, &corrupt) {
				t.Errorf("%s: %v is taken for corruption", f, err)
			}
		}
	}
}

type failingReader struct {
	*bytes.Reader
	good int
	err  error
}

func (r *failingReader) ReadAt(b []byte, off int64) (int, error) {
	if r.good == 0 {
		return 0, r.err
	}
	r.good--
	return r.Reader.ReadAt(b, off)
}

func drain(f Format, r io.ReaderAt, size int64) (n int, err error) {
	dec, err := NewDecoder(f, r, size, Range{Tail: All})
	if err != nil {
		return 0, err
	}
	defer dec.Close()
	var e Entry
	for {
		if err := dec.Next(&e); err != nil {
			return n, err
		}
		n++
	}
}

// Whatever byte is changed or cut, the decoder says so or gives the same
// entries; it never gives others.
func TestDamageIsNoticed(t *testing.T) {
	g := &generator{Rand: rand.New(rand.NewPCG(3, 3))}
	all := g.entries(300)
	for _, f := range Formats() {
		b, _ := encodeAll(t, f, testMeta(), all)
		check := func(what string, damaged []byte) {
			got, err := decodeAll(f, damaged, Range{Tail: All})
			if err != nil {
				wantCorrupt(t, err)
				return
			}
			wantSame(t, string(f)+" "+what, got, all)
		}
		for i := 0; i < len(b); i += 1 + len(b)/800 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 1 << g.IntN(8)
			check(fmt.Sprintf("byte %d of %d", i, len(b)), damaged)
		}
		for range 100 {
			n := g.IntN(len(b))
			if got, err := decodeAll(f, b[:n], Range{Tail: All}); err != nil {
				wantCorrupt(t, err)
			} else if f == Parquet {
				t.Errorf("%d of %d bytes were read as %d entries", n, len(b), len(got))
			}
		}
	}
}

func TestEmptyChunk(t *testing.T) {
	for _, f := range Formats() {
		b, stats := encodeAll(t, f, testMeta(), nil)
		if stats != (Stats{}) {
			t.Errorf("%s: stats %+v", f, stats)
		}
		for _, rg := range []Range{{Tail: All}, {Tail: 3}, {Tail: All, FromSeq: 1}} {
			if got, err := decodeAll(f, b, rg); err != nil || len(got) != 0 {
				t.Errorf("%s: %d entries, %v", f, len(got), err)
			}
		}
	}
}

func TestFloorMicros(t *testing.T) {
	for nano, want := range map[int64]int64{0: 0, 999: 0, 1000: 1, -1: -1, -1000: -1, -1001: -2, -1 << 63: -9223372036854776} {
		if got := floorMicros(nano); got != want {
			t.Errorf("floorMicros(%d) = %d, want %d", nano, got, want)
		}
	}
}

func TestAppendValidUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"":               "",
		"plain ÄÖ":       "plain ÄÖ",
		"\xff\xfeab":     "\uFFFD\uFFFDab",
		"\xe4\xb8":       "\uFFFD\uFFFD",
		"\xed\xa0\x80":   "\uFFFD\uFFFD\uFFFD", // a surrogate
		"\uFFFDa\x80":    "\uFFFDa\uFFFD",
		"nul \x00 stays": "nul \x00 stays",
	} {
		got := string(appendValidUTF8(nil, []byte(in)))
		if got != want || !utf8.ValidString(got) {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// A source may be any text. So many may be in a chunk, and no more.
func TestSources(t *testing.T) {
	var all []Entry
	for i := range 2 * sourcesMax {
		all = append(all, Entry{Seq: int64(i + 1), Source: fmt.Sprint("source", i)})
	}
	all = append(all, Entry{Seq: 9000, Source: Stdout}, Entry{Seq: 9001, Source: "source7"}, Entry{Seq: 9002, Source: GapSource})
	for _, f := range Formats() {
		if n := wantIdentity(t, f, all); n != sourcesMax {
			t.Errorf("%s: %d were refused, want %d", f, n, sourcesMax)
		}
	}
}

func TestRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= 20; width++ {
		var vals []uint32
		var w runWriter
		w.reset(width)
		var packed []uint32
		for range 200 {
			v, n := r.Uint32()&(1<<width-1), 1+r.IntN(5)
			w.add(v, n)
			for range n {
				vals = append(vals, v)
			}
			packed = append(packed, v)
		}
		w.flush()
		b := appendPackedHeader(w.buf, len(packed)/8)
		b = appendPacked(b, packed, width)
		vals = append(vals, packed...)
		b = appendRun(b, 1, 3, width)
		vals = append(vals, 1, 1, 1)

		var rd runReader
		rd.reset(b, width)
		for i, want := range vals {
			if got, err := rd.next(); err != nil || got != want {
				t.Fatalf("width %d: value %d is %d, %v, want %d", width, i, got, err, want)
			}
		}
		if _, err := rd.next(); err == nil {
			t.Errorf("width %d: there is more", width)
		}
	}
}

// Pages allocate, entries do not.
func TestNoAllocationPerEntry(t *testing.T) {
	all := plainEntries(50_000)
	file, _ := encodeAll(t, Parquet, testMeta(), all)
	ndjson := testing.AllocsPerRun(1, func() { encodeAll(t, NDJSON, testMeta(), all) })
	encode := testing.AllocsPerRun(1, func() { encodeAll(t, Parquet, testMeta(), all) })
	decode := testing.AllocsPerRun(1, func() { _, _ = drain(Parquet, bytes.NewReader(file), int64(len(file))) })
	t.Logf("%d entries: encode %.0f, NDJSON encode %.0f, decode %.0f allocations", len(all), encode, ndjson, decode)
	if limit := float64(len(all) / 20); encode > limit || ndjson > limit || decode > limit {
		t.Errorf("more than %.0f allocations", limit)
	}
}
