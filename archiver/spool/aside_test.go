package spool // inside: see spool_test.go

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/spool/quarantine"
)

// TestKeepCopyOfAReusedNumber: a segment whose number another had before is kept
// as it is, beside that one's copy, and once however often that is asked for.
func TestKeepCopyOfAReusedNumber(t *testing.T) {
	g := newRig(t)
	g.send("first", "second")
	g.log.Roll()
	check(t, g.log.Commit())
	seg := g.log.Pending()[0]
	dir := filepath.Join(g.cfg.Dir, quarantine.Dir)
	check(t, os.MkdirAll(dir, 0o700))
	s := g.log.find(seg)
	old := []byte("another segment's")
	for _, name := range []string{segmentName(seg, extSealed), quarantine.Name(s.header.CreatedNano, segmentName(seg, extSealed)), quarantine.Name(s.header.CreatedNano, segmentName(seg, extIndex))} {
		check(t, os.WriteFile(filepath.Join(dir, name), old, 0o600))
	}
	for range 2 {
		check(t, g.log.KeepCopy(seg))
	}
	want := map[string][]byte{}
	for _, file := range []string{s.path(extSealed), s.path(extIndex)} {
		b, err := os.ReadFile(file)
		check(t, err)
		want[filepath.Base(file)] = b
	}
	files, err := Aside(g.cfg.Dir)
	check(t, err)
	kept := map[string]int{}
	for _, f := range files {
		b, err := os.ReadFile(f.Path)
		check(t, err)
		name := f.Name
		if f.Unarchived != (filepath.Ext(name) == extSealed) {
			t.Errorf("%s: unarchived is %v", name, f.Unarchived)
		}
		if bytes.Equal(b, want[name]) {
			kept[name]++
		} else if !bytes.Equal(b, old) {
			t.Errorf("%s is neither", name)
		}
	}
	if len(files) != 5 || kept[segmentName(seg, extSealed)] != 1 || kept[segmentName(seg, extIndex)] != 1 {
		t.Errorf("%d files; kept %v", len(files), kept)
	}
}

// TestQuarantineKeepsAll puts files of one name aside while the clock stands still.
func TestQuarantineKeepsAll(t *testing.T) {
	g := newRig(t)
	now := g.cfg.Now()
	var got []string
	g.log.cfg.Now = func() time.Time { return now }
	check(t, os.MkdirAll(g.cfg.Dir, 0o700))
	for _, content := range []string{"a", "b", "c"} {
		check(t, os.WriteFile(filepath.Join(g.cfg.Dir, streamFile), []byte(content), 0o600))
		check(t, g.log.quarantine(streamFile))
	}
	files, err := Aside(g.cfg.Dir)
	check(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f.Path)
		check(t, err)
		got = append(got, string(b))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("kept %q", got)
	}
}
