package readback_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/readback"
)

const bombsEnv = "COLDTAIL_TEST_BOMBS"

// TestReadBombs is the process that TestObjectsTogether measures.
func TestReadBombs(t *testing.T) {
	dir := os.Getenv(bombsEnv)
	if dir == "" {
		t.Skip("is run by TestObjectsTogether")
	}
	b, err := filebucket.Open(filebucket.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	check(t, err)
	r := readback.New(readback.Config{Bucket: b})
	entries, refused := 0, 0
	for e, err := range r.Entries(t.Context(), readback.Query{ContainerID: id, Tail: -1, Described: func(codec.Meta) {}}) {
		switch {
		case errors.Is(err, codec.ErrMemory):
			refused++
		case err != nil:
			t.Error(err)
		case e.Seq > 0:
			entries++
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	check(t, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Printf("RESULT %d %d %s\n", entries, refused, strings.Fields(rest)[0])
}

// Sixteen objects of a few kilobytes, each of which inflates to 16 MiB a row, are
// read in 256 MiB: one after the other all of them; of those whose rows take turns,
// which no encoder makes, those that there is room for, and the others are named.
func TestObjectsTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it measures memory")
	}
	const objects = 16
	hour := time.Now().Truncate(time.Hour).Add(-48 * time.Hour)
	for _, f := range codec.Formats() {
		for _, line := range []string{"x", "\xff"} {
			for _, turns := range []bool{false, true} {
				rows := int64(2)
				if line != "x" { // slower to make
					rows = 1
				}
				if turns && rows < 2 {
					continue
				}
				t.Run(fmt.Sprintf("%s %q in turns %v", f, line, turns), func(t *testing.T) {
					a := newArchive(t, f)
					for i := range int64(objects) {
						if a.seg = 1; !turns {
							a.seg = i + 1
						}
						var buf bytes.Buffer
						enc, err := chunkfile.NewEncoder(f, &buf, codec.Meta{ContainerID: id}, codec.ChunkInfo{SpoolID: a.spool, SegmentSeq: a.seg})
						check(t, err)
						for k := range rows {
							seq := rows*i + k + 1
							if turns {
								seq = i + k*objects + 1
							}
							check(t, enc.Encode(&codec.Entry{
								Seq: seq, TimeNano: hour.UnixNano(), Source: codec.Stdout, Line: bytes.Repeat([]byte(line), codec.MaxFrameBytes-100),
							}))
						}
						st, err := enc.Close()
						check(t, err)
						a.object(hour, st, buf.Bytes())
					}
					wantWithin(t, a.dir, int(rows)*objects, turns)
				})
			}
		}
	}
}

func wantWithin(t *testing.T, dir string, want int, some bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReadBombs$", "-test.v")
	cmd.Env = append(os.Environ(), bombsEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), "RESULT ")
	fields := strings.Fields(rest)
	if len(fields) < 3 {
		t.Fatalf("no result: %.2000s", out)
	}
	entries, err1 := strconv.Atoi(fields[0])
	refused, err2 := strconv.Atoi(fields[1])
	kib, err3 := strconv.Atoi(fields[2])
	check(t, errors.Join(err1, err2, err3))
	t.Logf("%d entries, %d objects are refused, %d MiB", entries, refused, kib>>10)
	if entries == 0 || !some && (entries != want || refused > 0) || some && refused == 0 {
		t.Errorf("%d entries of %d, %d objects are refused", entries, want, refused)
	}
	if kib > 256<<10 {
		t.Errorf("it takes %d MiB", kib>>10)
	}
}
