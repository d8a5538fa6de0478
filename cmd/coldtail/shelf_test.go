package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
)

// shelf is an archive in a folder, to which a test adds objects as the archiver
// would.
type shelf struct {
	t      *testing.T
	dir    string
	bucket bucket.Bucket
	segs   map[string]int64 // by container
	seqs   map[string]int64
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bucket")
	b, err := filebucket.Open(filebucket.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{t: t, dir: dir, bucket: b, segs: map[string]int64{}, seqs: map[string]int64{}}
}

func (s *shelf) url() string { return "file://" + s.dir }

// container names one; its id is a function of what it is called.
func container(service, name, host string) key.Name {
	sum := sha256.Sum256([]byte(service + "/" + name + "/" + host))
	return key.Name{Service: service, Name: name, Host: host, ContainerID: hex.EncodeToString(sum[:])}
}

// said is an entry: when, and what. A line that starts with "!" went to stderr,
// one that ends with "\\" has no newline.
type said struct {
	at   time.Time
	line string
}

func (x said) entry(seq int64) codec.Entry {
	e := codec.Entry{Seq: seq, TimeNano: x.at.UnixNano(), Source: codec.Stdout}
	line, stderr := strings.CutPrefix(x.line, "!")
	if stderr {
		e.Source = codec.Stderr
	}
	line, e.Partial = strings.CutSuffix(line, `\`)
	e.Line = []byte(line)
	return e
}

// object is one that is made, but not in the bucket yet.
type object struct {
	key.Meta
	name key.Name
	body []byte
}

// segment makes the objects of one segment: one for each hour, in order.
func (s *shelf) segment(n key.Name, says ...said) (out []object) {
	s.t.Helper()
	id := n.ContainerID
	s.segs[id]++
	byHour := map[time.Time][]codec.Entry{}
	for _, x := range says {
		s.seqs[id]++
		h := x.at.UTC().Truncate(time.Hour)
		byHour[h] = append(byHour[h], x.entry(s.seqs[id]))
	}
	for hour, entries := range byHour {
		var body bytes.Buffer
		info := codec.ChunkInfo{SpoolID: strings.Repeat("5", 16), SegmentSeq: s.segs[id], Origin: s.segs[id] == 1}
		enc, err := chunkfile.NewEncoder(codec.Parquet, &body, codec.Meta{ContainerID: id, ContainerName: n.Name, ServiceName: n.Service, HostName: n.Host}, info)
		s.check(err)
		for i := range entries {
			s.check(enc.Encode(&entries[i]))
		}
		st, err := enc.Close()
		s.check(err)
		out = append(out, object{name: n, body: body.Bytes(), Meta: key.Meta{
			Format: codec.Parquet, ContainerID: id, SpoolID: info.SpoolID, SegmentSeq: info.SegmentSeq,
			FirstSeq: st.FirstSeq, LastSeq: st.LastSeq, Entries: st.Entries, MinNano: st.MinNano, MaxNano: st.MaxNano, Hour: hour,
		}})
	}
	slices.SortFunc(out, func(a, b object) int { return a.Hour.Compare(b.Hour) })
	return out
}

// put stores objects behind their markers.
func (s *shelf) put(objects ...object) {
	s.t.Helper()
	for _, o := range objects {
		for key, body := range map[string][]byte{o.DayKey(): nil, o.name.Key(): nil, o.Key(): o.body} {
			s.check(s.bucket.Put(s.t.Context(), key, bytes.NewReader(body), int64(len(body)), bucket.PutOptions{}))
		}
	}
}

// say archives a segment.
func (s *shelf) say(n key.Name, says ...said) {
	s.t.Helper()
	s.put(s.segment(n, says...)...)
}

// touch makes an object without bytes, which a real one would take long to sync.
func (s *shelf) touch(key string) {
	s.t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(key))
	s.check(os.MkdirAll(filepath.Dir(path), 0o700))
	s.check(os.WriteFile(path, nil, 0o600))
}

func (s *shelf) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// logs runs the command on the shelf.
func (s *shelf) logs(args ...string) result {
	s.t.Helper()
	return s.run("logs", args...)
}

func (s *shelf) run(command string, args ...string) result {
	s.t.Helper()
	h := &home{t: s.t, dir: s.dir, env: []string{"HOME=/nonexistent"}}
	return h.run(nil, append([]string{command, "--bucket", s.url()}, args...)...)
}

// counted counts requests: a listing is one for each thousand objects.
type counted struct {
	bucket.Bucket
	lists, gets atomic.Int64
}

func (c *counted) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	c.gets.Add(1)
	return c.Bucket.Get(ctx, key, opts)
}

func (c *counted) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		c.lists.Add(1)
		n := 0
		for o, err := range c.Bucket.List(ctx, prefix, opts) {
			if n++; n > 1 && n%pageKeys == 1 {
				c.lists.Add(1)
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// taken returns the counts and starts again.
func (c *counted) taken() (lists, gets int64) { return c.lists.Swap(0), c.gets.Swap(0) }

// want compares what a command printed.
func (r result) want(t *testing.T, stdout, stderr string) {
	t.Helper()
	if r.status != exitOK || r.stdout != stdout || r.stderr != stderr {
		t.Errorf("status %d\ngot  %q\nwant %q\nstderr %q, want %q", r.status, r.stdout, stdout, r.stderr, stderr)
	}
}
