package readback_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
)

// archive is a folder bucket that a test fills with one container's segments,
// as an archiver would in years.
type archive struct {
	t      testing.TB
	dir    string
	format codec.Format
	spool  string
	seg    int64
	next   int64 // sequence number
	lines  []string
	// hollow leaves objects empty: a test fails where one of them is opened.
	hollow bool
	// filler is how many bytes are added to each line that do not compress.
	filler int
	made   map[string]bool // paths
}

func newArchive(t testing.TB, format codec.Format) *archive {
	return &archive{t: t, dir: t.TempDir(), format: format, spool: strings.Repeat("5", 16), next: 1_000_000, made: map[string]bool{}}
}

func (a *archive) open() *filebucket.Bucket {
	a.t.Helper()
	b, err := filebucket.Open(filebucket.Config{Dir: a.dir}, slog.New(slog.DiscardHandler))
	check(a.t, err)
	return b
}

// burst archives one segment of n entries, a millisecond apart.
func (a *archive) burst(at time.Time, n int) {
	a.t.Helper()
	times := make([]time.Time, n)
	for i := range times {
		times[i] = at.Add(time.Duration(i) * time.Millisecond)
	}
	a.segment(times...)
}

// segment archives one segment, of an entry at each of the times.
func (a *archive) segment(times ...time.Time) {
	a.t.Helper()
	byHour := map[time.Time][]codec.Entry{}
	for _, at := range times {
		line := fmt.Sprint("line ", a.next)
		if a.filler > 0 {
			line += " " + noise(a.next, a.filler)
		}
		e := codec.Entry{Seq: a.next, TimeNano: at.UnixNano(), Source: codec.Stdout, Line: []byte(line)}
		hour := key.Hour(e.TimeNano, e.TimeNano)
		byHour[hour] = append(byHour[hour], e)
		a.lines = append(a.lines, line)
		a.next++
	}
	a.put(byHour)
}

// gap archives a gap row, which stands for n entries.
func (a *archive) gap(at time.Time, n int64) {
	a.t.Helper()
	line := codec.Gap{Entries: n, FirstNano: at.UnixNano(), LastNano: at.UnixNano(), Reason: "test"}.Line()
	a.put(map[time.Time][]codec.Entry{key.Hour(at.UnixNano(), at.UnixNano()): {{Seq: a.next, TimeNano: at.UnixNano(), Source: codec.GapSource, Line: line}}})
	a.lines = append(a.lines, string(line))
	a.next += n
}

func (a *archive) put(byHour map[time.Time][]codec.Entry) {
	a.t.Helper()
	a.seg++
	for hour, entries := range byHour {
		if a.hollow {
			a.object(hour, codec.Stats{
				FirstSeq: entries[0].Seq, LastSeq: entries[len(entries)-1].Seq, Entries: int64(len(entries)),
				MinNano: entries[0].TimeNano, MaxNano: entries[len(entries)-1].TimeNano,
			}, nil)
			continue
		}
		var buf bytes.Buffer
		enc, err := chunkfile.NewEncoder(a.format, &buf, codec.Meta{ContainerID: id}, codec.ChunkInfo{SpoolID: a.spool, SegmentSeq: a.seg})
		check(a.t, err)
		for i := range entries {
			check(a.t, enc.Encode(&entries[i]))
		}
		st, err := enc.Close()
		check(a.t, err)
		a.object(hour, st, buf.Bytes())
	}
}

// object puts one object with its marker.
func (a *archive) object(hour time.Time, st codec.Stats, content []byte) {
	a.t.Helper()
	m := key.Meta{
		Format: a.format, ContainerID: id, SpoolID: a.spool, SegmentSeq: a.seg, FirstSeq: st.FirstSeq, LastSeq: st.LastSeq,
		Entries: st.Entries, MinNano: st.MinNano, MaxNano: st.MaxNano, Hour: hour,
	}
	a.file(m.DayKey(), nil)
	a.file(m.Key(), content)
}

// file writes an object without filebucket's syncs.
func (a *archive) file(key string, content []byte) {
	a.t.Helper()
	path := filepath.Join(a.dir, filepath.FromSlash(key))
	if a.made[path] {
		return // a marker
	}
	a.made[path] = true
	if dir := filepath.Dir(path); !a.made[dir] {
		check(a.t, os.MkdirAll(dir, 0o700))
		a.made[dir] = true
	}
	check(a.t, os.WriteFile(path, content, 0o600))
}

func noise(seed int64, n int) string {
	b := make([]byte, n/2)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b) // it never fails
	return hex.EncodeToString(b)
}

// Sizes of S3's listings, for what a test takes as transferred.
const (
	pageKeys   = 1000
	listBytes  = 512 // of an answer without keys
	entryBytes = 400 // of a key and its attributes
)

// counter is a bucket that counts what goes over a network, each request of
// which takes delay. In a bubble of testing/synctest the time that passes is
// then the number of requests that had to follow each other, exactly.
type counter struct {
	bucket.Bucket
	delay time.Duration

	mu       sync.Mutex
	requests int
	bytes    int64
	flying   int // bodies and listings that are under way
	most     int
}

func (c *counter) request() {
	c.mu.Lock()
	c.requests++
	c.flying++
	c.most = max(c.most, c.flying)
	c.mu.Unlock()
	time.Sleep(c.delay)
}

func (c *counter) answered(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += n
	c.flying--
}

func (c *counter) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	c.request()
	b, err := c.Bucket.Get(ctx, key, opts)
	if err != nil {
		c.answered(0)
		return b, err
	}
	b.ReadCloser = &countedBody{ReadCloser: b.ReadCloser, c: c}
	return b, nil
}

func (c *counter) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		// A page is asked for as soon as the one before is used up.
		n := 0
		for o, err := range c.Bucket.List(ctx, prefix, opts) {
			if n%pageKeys == 0 {
				c.request()
				c.answered(listBytes)
			}
			n++
			c.mu.Lock()
			c.bytes += entryBytes
			c.mu.Unlock()
			if !yield(o, err) {
				return
			}
		}
		if n == 0 {
			c.request()
			c.answered(listBytes)
		}
	}
}

type countedBody struct {
	io.ReadCloser
	c *counter
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

func (b *countedBody) Close() error {
	b.c.answered(b.n)
	return b.ReadCloser.Close()
}
