package spool // inside: see spool_test.go

import (
	"bytes"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// TestWhatIsCommittedNoLongerGrows lets bytes that are no frames, and frames, come
// in while a commit has taken the records before them and syncs their data: what
// the sidecar then says continues.
func TestWhatIsCommittedNoLongerGrows(t *testing.T) {
	noise := bytes.Repeat([]byte{0xee}, 500)
	for _, step := range []string{"data", "records", "index"} {
		for name, come := range map[string]func(g *rig){
			"skip":        func(g *rig) { g.write(noise); g.fill() },
			"frame":       func(g *rig) { g.send("while it is committed") },
			"torn":        func(g *rig) { g.write(g.frame("never finished")[:9]); g.fill(); g.log.DropTorn() },
			"taken":       func(g *rig) { g.write(g.frame("never finished")[:9]); g.fill(); g.log.TakeTorn() },
			"skip, frame": func(g *rig) { g.write(noise); g.fill(); g.send("and a frame") },
		} {
			for _, before := range []string{"skip", "frame"} {
				t.Run(step+"/"+name+" after "+before, func(t *testing.T) {
					g := newRig(t)
					hooked := false
					g.cfg.Hook = func(at, _ string) {
						if at == step && !hooked {
							hooked = true
							come(g)
						}
					}
					g.open()
					g.send("first")
					if before == "skip" {
						g.write(noise)
						g.fill()
					}
					check(t, g.log.Commit())
					if !hooked {
						t.Fatal("nothing came meanwhile")
					}
					g.send("last")
					g.log.Roll()
					check(t, g.log.Commit())
					g.want(g.sent)
					sc, err := openSidecar(g.log.segments[0].path(extIndex))
					check(t, err)
					if sc.damaged || sc.rest || sc.dataEnd() != g.log.segments[0].end {
						t.Fatalf("the sidecar is damaged: %t, %t, up to %d of %d", sc.damaged, sc.rest, sc.dataEnd(), g.log.segments[0].end)
					}
				})
			}
		}
	}
}

// TestSkipFitsItsRecord: a record's length has four bytes, what is passed over
// may have more.
func TestSkipFitsItsRecord(t *testing.T) {
	s := &segment{header: Header{FirstSeq: 1}}
	const n = 3*maxSkipBytes + 7
	s.skip(5)
	s.skip(n)
	s.extend(codec.AppendFrame(nil, &codec.Entry{Source: codec.Stdout}), 1, 1)
	at := int64(0)
	for _, r := range s.hand() {
		got, ok := parseRecord(r.append(nil))
		if !ok || got != r || r.Offset != at {
			t.Fatalf("%+v at %d became %+v", r, at, got)
		}
		at = r.end()
	}
	if at != s.end || s.end < n+5 {
		t.Fatalf("the records end at %d of %d", at, s.end)
	}
}
