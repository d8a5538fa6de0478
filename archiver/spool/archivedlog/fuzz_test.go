package archivedlog // lines are made and parsed by hand

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// FuzzParseObject: a line of archived.log is taken only if it was written so.
func FuzzParseObject(f *testing.F) {
	f.Add(Object{Segment: 1, SizeBytes: 2, Key: "k"}.line())
	f.Add("1 2 k")
	f.Fuzz(func(t *testing.T, line string) {
		if o, ok := parseObject(line); ok && o.line() != line+"\n" {
			t.Errorf("%q is taken for %+v", line, o)
		}
	})
}

// FuzzArchivedLog reads anything for archived.log, in bounded memory, and what is
// added to it then is found.
func FuzzArchivedLog(f *testing.F) {
	line := Object{Segment: 1, SizeBytes: 2, Key: "parquet/dt=2026-01-01/hour=00/x.parquet"}.line()
	for _, text := range []string{
		"", "\n", line, line + line, line[:len(line)-1], line[:10], line + "1 2 old-without-sum\n", "\x00\xff\n" + line,
		"1 2:00000000 k\n" + line, strings.Repeat(line, 50) + "torn", "9223372036854775808 1 k\n", strings.Repeat("x", 100_000), "1 2:zz \n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, Name), b, 0o600))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		objs, _, err := Objects(dir)
		check(t, err)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(1<<20+100*len(b)) {
			t.Fatalf("allocated %d bytes to read %d", n, len(b))
		}
		seen := map[string]bool{}
		for _, o := range objs {
			if o.Segment <= 0 || o.SizeBytes < 0 || o.Key == "" || strings.Contains(o.Key, "\n") || seen[o.Key] {
				t.Fatalf("took %+v for an object", o)
			}
			seen[o.Key] = true
		}
		added := Object{Segment: 7, SizeBytes: 8, Key: "added"}
		check(t, Append(dir, []Object{added}))
		again, _, err := Objects(dir)
		check(t, err)
		i := slices.IndexFunc(again, func(o Object) bool { return o.Key == added.Key })
		if i < 0 || len(again) < len(objs) {
			t.Fatalf("%d objects, then %d, of which %d is the added one", len(objs), len(again), i)
		}
	})
}
