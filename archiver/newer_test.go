package archiver // see rig

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
)

// TestNewerSegmentIsArchivedAfterTheUpgrade: a segment of a newer version is no
// obstacle to the container, and none to what comes after it, but flush says that
// it is left. It stays as it is, and is archived once it can be read.
func TestNewerSegmentIsArchivedAfterTheUpgrade(t *testing.T) {
	g, away := defaultsRig(t)
	src := source("", idA)
	src.Options.SpoolBytes = 1 << 30
	var lines []string
	write := func() {
		t.Helper()
		d := newDaemon(t)
		src.Path = d.path
		check(t, g.a.Attach(t.Context(), src))
		some := numbers(100 + len(lines))
		d.print(some...)
		lines = append(lines, some...)
		check(t, g.a.Detach(t.Context(), d.path))
		g.a.all()[0].log.Roll()
		check(t, g.a.all()[0].log.Commit())
	}
	write()
	write()
	g.stop()
	path := filepath.Join(statedir.Path(g.cfg.StateDir).Log(idA), "0000000002.idx")
	old, err := os.ReadFile(path)
	check(t, err)
	newer := append([]byte(nil), old...)
	binary.LittleEndian.PutUint32(newer[4:], 2)
	end := 12 + binary.LittleEndian.Uint32(newer[8:])
	binary.LittleEndian.PutUint32(newer[end:], crc32.Checksum(newer[:end], crc32.MakeTable(crc32.Castagnoli)))
	check(t, os.WriteFile(path, newer, 0o600))

	g.start()
	write()
	g.comeBack(away)
	for range 2 {
		if res, err := g.a.Flush(t.Context(), true); !errors.Is(err, codec.ErrNewer) || res.Pending != 1 {
			t.Fatalf("flush: %+v, %v", res, err)
		}
		g.restart(false)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != string(newer) {
		t.Fatalf("it was changed: %v", err)
	}
	check(t, os.WriteFile(path, old, 0o600)) // a version that can read it
	g.restart(false)
	g.flushLossy() // the numbers jump
	g.want(idA, lines)
}
