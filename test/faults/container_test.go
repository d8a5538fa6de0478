package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/plugin"
	"github.com/coldtail/coldtail/readback/verify"
)

// container is one whose log the daemon sends: the test plays both.
type container struct {
	t        *testing.T
	id       string
	rollSize string // log-opt
	created  time.Time
	f        *fifotest.FIFO
	written  int // lines
}

// newContainer returns one with segments small enough to be uploaded all the time.
func newContainer(t *testing.T, n int) *container {
	return &container{t: t, id: fmt.Sprintf("%064x", n+1), rollSize: "64k", created: time.Now()}
}

// line is a container's i-th line: some hundred bytes that hardly compress, so
// that objects are large enough to be cut.
func line(id string, i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", id[60:], i)
	x := uint64(i)<<8 + uint64(id[63])
	for range 6 {
		x += 0x9e3779b97f4a7c15 // splitmix64
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		fmt.Fprintf(&b, " %016x", z^z>>31)
	}
	return b.String()
}

// start starts the container, or starts it again: with a new FIFO.
func (c *container) start(p *process) {
	c.t.Helper()
	c.f = fifotest.New(c.t)
	c.f.Patience = patience
	p.logging("StartLogging", struct {
		File string
		Info plugin.Info
	}{c.f.Name(), plugin.Info{
		ContainerID: c.id, ContainerName: "/web-" + c.id[62:], ContainerCreated: c.created,
		Config: map[string]string{"roll-size": c.rollSize},
	}})
}

// print writes n lines. A container that is blocked fails the test.
func (c *container) print(n int) {
	c.t.Helper()
	for range n {
		c.f.Print(line(c.id, c.written))
		c.written++
	}
}

func (c *container) stop(p *process) {
	c.t.Helper()
	p.logging("StopLogging", struct{ File string }{c.f.Name()})
	check(c.t, c.f.Close())
}

// judge compares lines with what the container printed.
func (c *container) judge(where string, got []string) {
	c.t.Helper()
	for i := range min(len(got), c.written) {
		if want := line(c.id, i); got[i] != want {
			c.t.Fatalf("%s: line %d of container %s is %.60q, want %.60q", where, i, c.id[60:], got[i], want)
		}
	}
	if len(got) != c.written {
		c.t.Fatalf("%s: %d lines of container %s, want %d", where, len(got), c.id[60:], c.written)
	}
}

// archived reads every object that a query engine would, and returns all rows
// by container, in order.
func archived(t *testing.T, b bucket.Bucket) (lines map[string][]string, objects int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var metas []key.Meta
	for o, err := range b.List(ctx, string(codec.Parquet)+"/", bucket.ListOptions{}) {
		check(t, err)
		m, err := key.Parse(o.Key)
		check(t, err)
		metas = append(metas, m)
	}
	slices.SortFunc(metas, func(x, y key.Meta) int { return cmp.Compare(x.FirstSeq, y.FirstSeq) })
	lines = map[string][]string{}
	last := map[string]int64{}
	for _, m := range metas {
		body, err := b.Get(ctx, m.Key(), bucket.GetOptions{})
		check(t, err)
		raw, err := io.ReadAll(body)
		check(t, errors.Join(err, body.Close()))
		d, err := chunkfile.NewDecoder(m.Format, strings.NewReader(string(raw)), int64(len(raw)), codec.Range{Tail: codec.All})
		check(t, err)
		for {
			var e codec.Entry
			if err := d.Next(&e); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if e.Seq <= last[m.ContainerID] {
				t.Fatalf("%s: entry %d after %d: archived twice?", m.Key(), e.Seq, last[m.ContainerID])
			}
			last[m.ContainerID] = e.Seq
			lines[m.ContainerID] = append(lines[m.ContainerID], string(e.Line))
		}
		check(t, d.Close())
	}
	return lines, len(metas)
}

// judgeArchive compares the bucket with what the containers printed: all of it,
// once, in order, and nothing else. verify, which does not know what was
// printed, must agree.
func judgeArchive(t *testing.T, b bucket.Bucket, containers ...*container) {
	t.Helper()
	_, err := verify.Run(t.Context(), b, verify.Config{Found: func(f verify.Finding) {
		if !f.Kind.Note() {
			t.Errorf("verify: %s: %s (%s)", f.Kind, f.Detail, f.Key)
		}
	}})
	check(t, err)
	lines, objects := archived(t, b)
	total := 0
	for _, c := range containers {
		c.judge("bucket", lines[c.id])
		total += c.written
		delete(lines, c.id)
	}
	if len(lines) > 0 {
		t.Fatalf("%d unknown containers in the bucket", len(lines))
	}
	t.Logf("%d entries in %d objects exact", total, objects)
}
