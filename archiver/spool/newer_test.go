package spool // inside: see spool_test.go

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// ofVersion is a sidecar as a newer version may write it: with another version,
// and the checksum right.
func ofVersion(t *testing.T, b []byte, v uint32) []byte {
	t.Helper()
	n, _, err := parseHeader(b)
	check(t, err)
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint32(b[4:], v)
	binary.LittleEndian.PutUint32(b[n-4:], crc32.Checksum(b[:n-4], castagnoli))
	return b
}

// ofFormat is one in whose header the format is one that this version does not know.
func ofFormat(t *testing.T, b []byte, format string) []byte {
	t.Helper()
	n, _, err := parseHeader(b)
	check(t, err)
	js := bytes.Replace(b[prefixLen:n-4], []byte(`"format":""`), fmt.Appendf(nil, `"format":%q`, format), 1)
	end, _, err := findCopy(b)
	check(t, err)
	header := appendJSON(nil, js)
	return append(appendCopy(header, slices.Clone(header)), b[end:]...)
}

// TestNewerSegmentStays opens a log in which a newer version made a segment or a
// gap: it is left where it is, what is beside it is read and goes on, with numbers
// that are new, and after the upgrade all is there, in order.
func TestNewerSegmentStays(t *testing.T) {
	x := newExhibit(t)
	newer := map[string]func([]byte) []byte{
		"version 2":          func(b []byte) []byte { return ofVersion(t, b, 2) },
		"another layout":     func(b []byte) []byte { return append([]byte("CTSI\x03\x00\x00\x00"), "nothing that we know"...) },
		"an unknown format":  func(b []byte) []byte { return ofFormat(t, b, "orc") },
		"version 2^31, once": func(b []byte) []byte { return ofVersion(t, b, 1<<31) },
	}
	for what, change := range newer {
		for _, name := range []string{segmentName(3, extIndex), segmentName(4, extIndex), segmentName(5, extGap), segmentName(6, extIndex), segmentName(7, extIndex)} {
			for _, trust := range []bool{true, false} {
				t.Run(fmt.Sprint(what, " in ", name, " trust=", trust), func(t *testing.T) { x.leaves(t, name, change(x.files[name]), trust) })
			}
		}
	}
}

func (x *exhibit) leaves(t *testing.T, name string, content []byte, trust bool) {
	seg := segmentNumber(name)
	dir := filepath.Join(scratch(t), "c")
	check(t, os.MkdirAll(dir, 0o700))
	for n, b := range x.files {
		check(t, os.WriteFile(filepath.Join(dir, n), b, 0o600))
	}
	check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	var data []string // of the segment that is left
	for n := range x.files {
		if strings.HasPrefix(n, segmentName(seg, ".")) && n != name {
			data = append(data, n)
		}
	}
	cfg := x.g.cfg
	cfg.Dir, cfg.Trust = dir, trust
	now := x.g.now.Add(time.Hour)
	cfg.Now = func() time.Time { return now }
	last := x.last
	var added []int64
	for round := range 3 {
		now = now.Add(time.Minute)
		l, quarantined, err := Open(cfg)
		check(t, err)
		if quarantined != 0 {
			t.Fatalf("round %d: %d files were put aside", round, quarantined)
		}
		if err := l.Newer(); (err == nil) != (seg <= 3) || err != nil && !errors.Is(err, codec.ErrNewer) {
			t.Fatalf("round %d: %v", round, err)
		}
		lines, told := readPast(t, l)
		for seq, line := range x.lines {
			if got := lines[seq]; segmentOf(line) > 3 && segmentOf(line) != seg && got != line && (trust || segmentOf(line) != 7) {
				t.Fatalf("round %d: entry %d is %q, not %q", round, seq, got, line)
			}
		}
		if told != (seg > 3) {
			t.Fatalf("round %d: reading tells of the newer segment: %t", round, told)
		}
		h := &rig{t: t, cfg: cfg, log: l}
		h.pipe()
		l.DropTorn()
		h.send(fmt.Sprint("new in round ", round))
		check(t, l.Commit())
		got := l.Info().LastSeq
		if seg == 7 && got <= last || got <= last && trust {
			t.Fatalf("round %d: number %d after %d", round, got, last)
		}
		last = got
		added = append(added, got)
		check(t, l.Close())
		for n, want := range map[string][]byte{name: content} {
			if b, err := os.ReadFile(filepath.Join(dir, n)); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("round %d: %s is not what it was: %v", round, n, err)
			}
		}
		for _, n := range data {
			if b, err := os.ReadFile(filepath.Join(dir, n)); err != nil || !bytes.Equal(b, x.files[n]) {
				t.Fatalf("round %d: %s is not what it was: %v", round, n, err)
			}
		}
	}
	check(t, os.WriteFile(filepath.Join(dir, name), x.files[name], 0o600)) // a version that can read it
	l, quarantined, err := Open(cfg)
	check(t, err)
	defer l.Close()
	lines, told := readPast(t, l)
	for seq, line := range x.lines {
		if segmentOf(line) > 3 && lines[seq] != line && (trust || segmentOf(line) != 7) {
			t.Fatalf("after the upgrade entry %d is %q, not %q", seq, lines[seq], line)
		}
	}
	for round, seq := range added {
		if lines[seq] != fmt.Sprint("new in round ", round) {
			t.Fatalf("after the upgrade entry %d is %q", seq, lines[seq])
		}
	}
	if quarantined != 0 || told || l.Newer() != nil {
		t.Fatalf("after the upgrade: %d put aside, %v", quarantined, l.Newer())
	}
}

// segmentNumber is the number in any file's name.
func segmentNumber(name string) int64 {
	base, _, _ := strings.Cut(name, ".")
	seq, _, _, _ := parseSegmentName(base + extActive)
	return seq
}

// readPast reads all that can be read, and reports whether a newer version's
// segment was told of in its place.
func readPast(t *testing.T, l *Log) (lines map[int64]string, told bool) {
	t.Helper()
	lines = map[int64]string{}
	c := l.Snapshot().Cursor(0)
	defer c.Close()
	for range 1000 {
		b, err := c.Next(context.Background(), false, nil)
		switch {
		case errors.Is(err, io.EOF):
			return lines, told
		case errors.Is(err, codec.ErrNewer) && corrupt(err):
			told = true
			continue
		}
		check(t, err)
		seq := b.FirstSeq
		for f := b.Frames; len(f) > 0; seq++ {
			var e codec.Entry
			n, err := codec.ParseFrame(f, &e)
			check(t, err)
			f = f[n:]
			lines[seq] = string(e.Line)
		}
	}
	t.Fatal("reading does not end")
	return nil, false
}

// TestNewerDroppingStays: the count of what a newer version dropped last is
// neither removed nor overwritten.
func TestNewerDroppingStays(t *testing.T) {
	g := newRig(t)
	g.send("a")
	g.log.Dropping(codec.Gap{Entries: 3})
	check(t, g.log.Commit())
	path := filepath.Join(g.cfg.Dir, DroppingFile)
	b, err := os.ReadFile(path)
	check(t, err)
	b = ofVersion(t, b, 2)
	check(t, os.WriteFile(path, b, 0o600))
	for range 2 {
		g.open()
		g.send("b")
		g.drop(2)
		g.log.Dropping(codec.Gap{Entries: 1})
		check(t, g.log.Commit())
		g.want(g.sent)
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("it was changed: %v", err)
		}
		check(t, g.log.Close())
	}
}

// TestUnknownFieldsAndRecords of a newer version that kept the format's version
// are passed over.
func TestUnknownFieldsAndRecords(t *testing.T) {
	x := newExhibit(t)
	later := Record{kind: 9, Offset: 3, Length: 4, CRC: 5}.append(nil)
	for _, name := range []string{segmentName(4, extIndex), segmentName(5, extGap), segmentName(7, extIndex)} {
		b := x.files[name]
		n, _, err := parseHeader(b)
		check(t, err)
		end, _, err := findCopy(b)
		check(t, err)
		js := append([]byte(`{"later":{"a":[1]},`), b[prefixLen+1:n-4]...)
		header := appendJSON(nil, js)
		changed := append(appendCopy(header, slices.Clone(header)), b[end:]...)
		if name != segmentName(5, extGap) {
			changed = slices.Insert(changed, len(changed)-recordLen, later...)
		}
		r, again := x.open(t, true, name, changed)
		if !maps.Equal(r.lines, x.lines) || name != segmentName(7, extIndex) && r.quarantined != 0 || again.quarantined != 0 || again.lines[r.next] != "new" {
			t.Errorf("%s: %d lines of %d, %d put aside", name, len(r.lines), len(x.lines), r.quarantined)
		}
	}
}
