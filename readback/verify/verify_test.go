package verify_test

import (
	"bytes"
	"context"
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

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback/catalog"
	"github.com/coldtail/coldtail/readback/verify"
)

var (
	idA = strings.Repeat("a", 64)
	idB = strings.Repeat("b", 64)
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// archive is a folder bucket that a real Archiver filled.
type archive struct {
	t      *testing.T
	dir    string
	bucket bucket.Bucket
}

func openArchive(t *testing.T) *archive {
	dir := filepath.Join(t.TempDir(), "bucket")
	b, err := filebucket.Open(filebucket.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	check(t, err)
	return &archive{t, dir, b}
}

// fill archives some objects of container A, whose entries are of two hours,
// and one of B.
func (a *archive) fill(format codec.Format) {
	a.t.Helper()
	log := slog.New(slog.DiscardHandler)
	ar, err := archiver.New(archiver.Config{StateDir: a.t.TempDir(), Logger: log, CommitInterval: 10 * time.Millisecond}, a.bucket)
	check(a.t, err)
	ctx, cancel := context.WithCancel(a.t.Context())
	done := make(chan error, 1)
	go func() { done <- ar.Run(ctx) }()
	now := time.Now()
	for i, id := range []string{idA, idA, idA, idA, idA, idB} {
		f := fifotest.New(a.t)
		src := archiver.Source{
			Path: f.Name(), Options: archiver.DefaultOptions(),
			Meta: codec.Meta{ContainerID: id, ContainerName: "web", ServiceName: "svc", HostName: "h"},
		}
		src.Options.Format = format
		check(a.t, ar.Attach(ctx, src))
		for k := range 200 {
			e := codec.Entry{Source: codec.Stdout, Line: fmt.Appendf(nil, "line %d of %d", k, i), TimeNano: now.UnixNano() + int64(k)}
			if i == 2 && k%3 == 0 { // neighbours of another hour
				e.TimeNano -= int64(time.Hour)
			}
			f.Log(e)
		}
		check(a.t, ar.Detach(ctx, f.Name()))
		check(a.t, f.Close())
		if res, err := ar.Flush(ctx, false); err != nil || res.Pending != 0 {
			a.t.Fatalf("flush: %+v, %v", res, err)
		}
	}
	cancel()
	check(a.t, <-done)
}

// objects returns container A's objects, in their order.
func (a *archive) objects() []catalog.Chunk {
	a.t.Helper()
	chunks, err := catalog.List(a.t.Context(), a.bucket, idA)
	check(a.t, err)
	return chunks
}

func (a *archive) path(key string) string { return filepath.Join(a.dir, filepath.FromSlash(key)) }

func (a *archive) bytes(key string) []byte {
	a.t.Helper()
	b, err := os.ReadFile(a.path(key))
	check(a.t, err)
	return b
}

func (a *archive) put(key string, b []byte) {
	a.t.Helper()
	check(a.t, a.bucket.Put(a.t.Context(), key, bytes.NewReader(b), int64(len(b)), bucket.PutOptions{}))
}

// verify returns the findings, each as "kind key other count".
func (a *archive) verify(cfg verify.Config) (found []verify.Finding, sum verify.Summary) {
	a.t.Helper()
	cfg.Found = func(f verify.Finding) { found = append(found, f) }
	sum, err := verify.Run(a.t.Context(), a.bucket, cfg)
	check(a.t, err)
	return found, sum
}

func has(found []verify.Finding, k verify.Kind, key string) *verify.Finding {
	i := slices.IndexFunc(found, func(f verify.Finding) bool { return f.Kind == k && (f.Key == key || key == "") })
	if i < 0 {
		return nil
	}
	return &found[i]
}

func TestClean(t *testing.T) {
	for _, format := range codec.Formats() {
		a := openArchive(t)
		a.fill(format)
		var last, total verify.Amount
		found, sum := a.verify(verify.Config{Progress: func(d, all verify.Amount) { last, total = d, all }})
		if len(found) > 0 || sum.Entries != 1200 || sum.Containers != 2 || sum.Objects < 7 {
			t.Errorf("%s: %+v, %+v", format, sum, found)
		}
		if last != total || total.Objects != sum.Objects || total.SizeBytes != sum.SizeBytes {
			t.Errorf("%s: progress ends at %+v of %+v", format, last, total)
		}
		found, sum = a.verify(verify.Config{Containers: []string{idB}, Workers: 1})
		if len(found) > 0 || sum.Entries != 200 || sum.Containers != 1 {
			t.Errorf("%s: %+v, %+v", format, sum, found)
		}
	}
}

// TestDamage does one thing to an archive, and says what must be found.
func TestDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it damages an archive in every way")
	}
	type want struct {
		kind verify.Kind
		key  string // of the object named
		n    int64  // entries; 0 is not checked
	}
	for name, damage := range map[string]func(a *archive, objs []catalog.Chunk) []want{
		"deleted": func(a *archive, objs []catalog.Chunk) []want {
			check(a.t, os.Remove(a.path(objs[1].Key())))
			return []want{{verify.Gap, objs[2].Key(), 200}}
		},
		"deleted, one hour of two": func(a *archive, objs []catalog.Chunk) []want {
			c := objs[slices.IndexFunc(objs, func(c catalog.Chunk) bool { return c.Entries == 133 })]
			check(a.t, os.Remove(a.path(c.Key())))
			return []want{{verify.Gap, "", 133}}
		},
		"deleted, the first": func(a *archive, objs []catalog.Chunk) []want {
			check(a.t, os.Remove(a.path(objs[0].Key())))
			return []want{{verify.Beginning, objs[1].Key(), 0}}
		},
		"a byte flipped": func(a *archive, objs []catalog.Chunk) []want {
			b := a.bytes(objs[1].Key())
			at := len(b) / 4
			// Not one of Parquet's headers, of which there is no checksum: where
			// these are depends on the times that were compressed.
			for b[at] ^= 4; readable(objs[1].Format, b); b[at] ^= 4 {
				b[at] ^= 4
				at++
			}
			a.put(objs[1].Key(), b)
			return []want{{verify.Unreadable, objs[1].Key(), 0}}
		},
		"truncated": func(a *archive, objs []catalog.Chunk) []want {
			b := a.bytes(objs[1].Key())
			a.put(objs[1].Key(), b[:len(b)-5])
			return []want{{verify.Unreadable, objs[1].Key(), 0}}
		},
		"emptied": func(a *archive, objs []catalog.Chunk) []want {
			a.put(objs[1].Key(), nil)
			k := verify.Unreadable
			return []want{{k, objs[1].Key(), 0}}
		},
		"copied to another hour": func(a *archive, objs []catalog.Chunk) []want {
			c := objs[1]
			c.Hour = c.Hour.Add(2 * time.Hour)
			a.put(c.Key(), a.bytes(objs[1].Key()))
			a.put(c.DayKey(), nil)
			return []want{{verify.Misplaced, c.Key(), 200}, {verify.Duplicate, c.Key(), 200}}
		},
		"moved to another hour and day": func(a *archive, objs []catalog.Chunk) []want {
			c := objs[1]
			c.Hour = c.Hour.Add(24 * time.Hour)
			a.put(c.Key(), a.bytes(objs[1].Key()))
			check(a.t, os.Remove(a.path(objs[1].Key())))
			return []want{{verify.Misplaced, c.Key(), 200}, {verify.Unindexed, c.Key(), 0}}
		},
		"again under another key": func(a *archive, objs []catalog.Chunk) []want {
			c := objs[1]
			c.SegmentSeq += 100
			a.put(c.Key(), a.bytes(objs[1].Key()))
			w := []want{{verify.Duplicate, "", 200}}
			if c.Format == codec.Parquet {
				w = append(w, want{verify.Mismatch, c.Key(), 0})
			}
			return w
		},
		"under another container": func(a *archive, objs []catalog.Chunk) []want {
			c := objs[0]
			c.ContainerID = strings.Repeat("c", 64)
			a.put(c.Key(), a.bytes(objs[0].Key()))
			a.put(c.DayKey(), nil)
			return []want{{verify.Mismatch, c.Key(), 0}}
		},
		"a key that says otherwise": func(a *archive, objs []catalog.Chunk) []want {
			c := objs[1]
			c.MaxNano++
			c.Entries--
			check(a.t, os.Rename(a.path(objs[1].Key()), a.path(c.Key())))
			w := []want{{verify.Mismatch, c.Key(), 0}, {verify.Mismatch, c.Key(), 0}}
			return w
		},
		"foreign": func(a *archive, objs []catalog.Chunk) []want {
			a.put("parquet/dt=2026-01-01/notes.txt", []byte("hello"))
			a.put("other/thing", []byte("hello"))
			return []want{{verify.Foreign, "parquet/dt=2026-01-01/notes.txt", 0}, {verify.Foreign, "other/thing", 0}}
		},
		"markers lost": func(a *archive, objs []catalog.Chunk) []want {
			check(a.t, os.RemoveAll(filepath.Join(a.dir, "index", "day", idA)))
			return []want{{verify.Unindexed, "", 0}}
		},
	} {
		for _, format := range codec.Formats() {
			t.Run(name+" as "+string(format), func(t *testing.T) {
				a := openArchive(t)
				a.fill(format)
				wants := damage(a, a.objects())
				found, sum := a.verify(verify.Config{})
				for _, w := range wants {
					f := has(found, w.kind, w.key)
					if f == nil || w.n != 0 && f.Entries != w.n {
						t.Errorf("want %+v, got %+v", w, found)
					}
				}
				// The day may have changed between A's objects.
				if len(found) > len(wants)+1 || sum.Findings+sum.Notes != int64(len(found)) {
					t.Errorf("more was found than was done: %+v, %+v", sum, found)
				}
				if d := has(found, verify.Duplicate, ""); d != nil && (d.Other == "" || d.Other == d.Key) {
					t.Errorf("the other object is not named: %+v", d)
				}
				if g := has(found, verify.Gap, ""); g != nil && (g.Other == "" || g.Key == "") {
					t.Errorf("the gap's neighbours are not named: %+v", g)
				}
			})
		}
	}
}

func TestExpired(t *testing.T) {
	a := openArchive(t)
	a.fill(codec.Parquet)
	check(t, os.Remove(a.path(a.objects()[0].Key())))
	if found, sum := a.verify(verify.Config{Expired: true}); len(found) > 0 || sum.Findings > 0 {
		t.Errorf("%+v", found)
	}
}

// TestWhileItIsWrittenTo shows a listing that lacks an object which comes
// while it goes on, and one that has an object which is removed.
func TestWhileItIsWrittenTo(t *testing.T) {
	a := openArchive(t)
	a.fill(codec.Parquet)
	late := a.objects()[1]
	content := a.bytes(late.Key())
	check(t, os.Remove(a.path(late.Key())))
	b := &changing{Bucket: a.bucket, do: func() { a.put(late.Key(), content) }, after: int64(len(a.objects()))}
	var found []verify.Finding
	sum, err := verify.Run(t.Context(), b, verify.Config{Found: func(f verify.Finding) { found = append(found, f) }})
	if err != nil || len(found) > 0 {
		t.Fatalf("%+v, %+v, %v", sum, found, err)
	}
	b = &changing{Bucket: a.bucket, do: func() { check(t, os.RemoveAll(filepath.Join(a.dir, "parquet"))) }, after: 1}
	if sum, err = verify.Run(t.Context(), b, verify.Config{Workers: 1}); err != nil || sum.Findings > 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
}

// changing does something once so many objects were got.
type changing struct {
	bucket.Bucket
	do    func()
	after int64
	gets  atomic.Int64
}

func (b *changing) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	body, err := b.Bucket.Get(ctx, key, opts)
	if b.gets.Add(1) == b.after {
		b.do()
	}
	return body, err
}

// TestBucketFails ends with the bucket's error, and without a finding.
func TestBucketFails(t *testing.T) {
	a := openArchive(t)
	a.fill(codec.Parquet)
	away := errors.New("connection refused")
	for name, b := range map[string]bucket.Bucket{
		"get":  &failing{a.bucket, away, nil},
		"body": &failing{a.bucket, nil, away},
	} {
		sum, err := verify.Run(t.Context(), b, verify.Config{})
		if !errors.Is(err, away) || sum.Findings != 0 {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
	}
	// What is refused for good is the object's own matter.
	denied := &bucket.Error{Op: bucket.OpGet, Permanent: true, Err: errors.New("access denied")}
	sum, err := verify.Run(t.Context(), &failing{a.bucket, denied, nil}, verify.Config{})
	if err != nil || sum.Findings != sum.Objects {
		t.Errorf("%+v, %v", sum, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify.Run(ctx, a.bucket, verify.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type failing struct {
	bucket.Bucket
	get, body error
}

func (b *failing) Get(ctx context.Context, key string, opts bucket.GetOptions) (bucket.Body, error) {
	if b.get != nil {
		return bucket.Body{}, b.get
	}
	body, err := b.Bucket.Get(ctx, key, opts)
	if err == nil {
		body.ReadCloser = &failingBody{body.ReadCloser, b.body}
	}
	return body, err
}

type failingBody struct {
	io.ReadCloser
	err error
}

func (b *failingBody) Read([]byte) (int, error) { return 0, b.err }
