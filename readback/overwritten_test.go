package readback_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/codec/ranged"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
)

// forge is a well-formed object of the same key and entries with other lines of the
// same length.
func forge(t *testing.T, b bucket.Bucket, c catalog.Chunk) []byte {
	t.Helper()
	body, err := b.Get(t.Context(), c.Key(), bucket.GetOptions{})
	check(t, err)
	raw, err := io.ReadAll(body)
	check(t, errors.Join(err, body.Close()))
	return reencode(t, c.Meta, raw, codec.Meta{ContainerID: id, ContainerName: "n"}, "evil")
}

// reencode makes another object of the same entries, with a word instead of "line".
func reencode(t *testing.T, c key.Meta, raw []byte, m codec.Meta, word string) []byte {
	t.Helper()
	d, err := chunkfile.NewDecoder(c.Format, ranged.Bytes(raw), int64(len(raw)), codec.Range{Tail: codec.All})
	check(t, err)
	defer d.Close()
	var out bytes.Buffer
	enc, err := chunkfile.NewEncoder(c.Format, &out, m, codec.ChunkInfo{SpoolID: c.SpoolID, SegmentSeq: c.SegmentSeq, Origin: true})
	check(t, err)
	for {
		var e codec.Entry
		err := d.Next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		e.Line = bytes.Replace(e.Line, []byte("line"), []byte(word), 1)
		check(t, enc.Encode(&e))
	}
	_, err = enc.Close()
	check(t, err)
	return out.Bytes()
}

// TestOverwrittenObject: the host that archived an object notices that another one
// lies under its key, read whole or in ranges, and prints none of it. A bucket that
// was copied, whose objects have other ETags, is none.
func TestOverwrittenObject(t *testing.T) {
	for _, format := range codec.Formats() {
		t.Run(string(format), func(t *testing.T) {
			g := newRig(t, format)
			g.print(2000)
			g.flush(true)
			g.print(3)
			g.flush(true)
			chunks, err := catalog.List(t.Context(), g.bucket, id)
			check(t, err)
			created := time.Now()
			read := func(tail int64, older bool) (lines []string, damage error) {
				q := readback.Query{ContainerID: id, Created: created, Tail: tail}
				if older { // than the state: the bucket is listed
					q.Created = time.Time{}
				}
				for e, err := range g.r.Entries(t.Context(), q) {
					if err != nil {
						damage = errors.Join(damage, err)
					} else if e.Seq > 0 {
						lines = append(lines, string(e.Line))
					}
				}
				return lines, damage
			}
			each := func(what string, f func(tail int, lines []string, damage error)) {
				t.Helper()
				for _, older := range []bool{false, true} {
					for _, tail := range []int{-1, 8} {
						lines, damage := read(int64(tail), older)
						t.Logf("%s, tail %d: %d lines, %v", what, tail, len(lines), damage)
						f(tail, lines, damage)
					}
				}
			}
			whole := func(tail int, lines []string, damage error) {
				t.Helper()
				want := g.sent
				if tail >= 0 {
					want = want[len(want)-tail:]
				}
				if damage != nil || !slices.Equal(lines, want) {
					t.Errorf("tail %d: %d lines, want %d; %v", tail, len(lines), len(want), damage)
				}
			}
			each("as archived", whole)
			path := filepath.Join(g.bucketDir, filepath.FromSlash(chunks[0].Key()))
			content, err := os.ReadFile(path)
			check(t, err)
			forged := forge(t, g.bucket, chunks[0])
			check(t, os.WriteFile(path+"-", content, 0o600))
			check(t, os.Rename(path+"-", path))
			each("copied", whole)
			check(t, os.WriteFile(path+"-", forged, 0o600))
			check(t, os.Rename(path+"-", path))
			each("overwritten", func(tail int, lines []string, damage error) {
				var corrupt *codec.CorruptError
				if !errors.As(damage, &corrupt) || !strings.Contains(damage.Error(), "overwritten") {
					t.Errorf("tail %d: %v", tail, damage)
				}
				if !slices.Equal(lines, g.sent[2000:]) {
					t.Errorf("tail %d: %d lines, want the 3 that are whole: %.60q", tail, len(lines), lines)
				}
			})
		})
	}
}

// earlier is a bucket into which another version has put each object already, in
// other bytes.
type earlier struct {
	bucket.Bucket
	t *testing.T
}

func (b *earlier) Put(ctx context.Context, name string, r io.ReaderAt, size int64, opts bucket.PutOptions) error {
	if m, err := key.Parse(name); err == nil {
		raw := make([]byte, size)
		_, err := r.ReadAt(raw, 0)
		check(b.t, err)
		other := reencode(b.t, m, raw, codec.Meta{ContainerID: id, ContainerName: strings.Repeat("n", 999)}, "line")
		check(b.t, b.Bucket.Put(ctx, name, bytes.NewReader(other), int64(len(other)), bucket.PutOptions{}))
	}
	return b.Bucket.Put(ctx, name, r, size, opts)
}

// TestObjectOfAnEarlierAttempt: an attempt that was killed behind its PUT may have been
// another version's, which encodes otherwise. What is in the bucket then is read.
func TestObjectOfAnEarlierAttempt(t *testing.T) {
	for _, format := range codec.Formats() {
		t.Run(string(format), func(t *testing.T) {
			g := newRig(t, format)
			g.stop()
			g.store = &earlier{g.bucket, t}
			g.start("state")
			g.print(50)
			g.flush(true)
			for _, tail := range []int64{-1, 8} {
				n := 0
				for e, err := range g.r.Entries(t.Context(), readback.Query{ContainerID: id, Created: time.Now(), Tail: tail}) {
					check(t, err)
					if e.Seq > 0 {
						n++
					}
				}
				if want := map[int64]int{-1: 50, 8: 8}[tail]; n != want {
					t.Errorf("tail %d: %d entries, want %d", tail, n, want)
				}
			}
		})
	}
}
