package spool

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// FuzzHeader reads a sidecar's header, and looks for its second copy, in
// anything. With fix, the JSON gets a prefix and the checksums that make it
// believed. What is taken can be written, and is the same when it is read again.
func FuzzHeader(f *testing.F) {
	gap := &Gap{Gap: codec.Gap{Entries: 3, FirstNano: 1, LastNano: 2, Reason: "spool quota"}}
	for _, h := range []Header{
		{ContainerID: "c", SpoolID: "s", SegmentSeq: 1, FirstSeq: 100, Origin: true},
		{ContainerID: "c", SpoolID: "s", SegmentSeq: 2, FirstSeq: 103, Gap: gap},
		{SegmentSeq: 1<<61 - 1, FirstSeq: 1<<61 - 1, Reserved: []Reservation{{SegmentSeq: 1, FirstSeq: 1, Gap: *gap}}},
		{SegmentSeq: 1, FirstSeq: 1, Frozen: Frozen{Format: codec.NDJSON, Meta: codec.Meta{
			Tag: strings.Repeat("<&>", 1000), Labels: map[string]string{"": "", "a": strings.Repeat("<", 2000), "\x00": "\u2028"},
		}}},
	} {
		large, err := json.Marshal(&h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(large, true)
		h.Meta, _ = h.Meta.Bound(h.Format)
		b, err := appendHeader(nil, &h)
		if err != nil {
			f.Fatal(err)
		}
		js, err := json.Marshal(&h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, false)
		f.Add(b[len(b)/3:], false) // the copy alone
		f.Add(b[:len(b)/3], false)
		f.Add(js, true)
	}
	f.Add([]byte(`{"segment_seq":1,"first_seq":1,"version":9,"new":{"field":[1,2]},"limits":{"new":1}}`), true)
	f.Add([]byte(`{"segment_seq":1e300,"first_seq":-1}`), true)
	f.Add([]byte(strings.Repeat("[", 100_000)), true)
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if fix {
			js := b
			b = append([]byte(sidecarMagic), 0, 0, 0, 0, 0, 0, 0, 0)
			binary.LittleEndian.PutUint32(b[4:], sidecarVersion)
			binary.LittleEndian.PutUint32(b[8:], uint32(len(js)))
			b = append(b, js...)
			b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
		}
		end, h, err := parseHeader(b)
		if err == nil {
			judgeHeader(t, end, b, h)
		}
		if end, h, err = findCopy(b); err == nil {
			judgeHeader(t, end, b, h)
		}
	})
}

func judgeHeader(t *testing.T, end int, b []byte, h Header) {
	t.Helper()
	if end <= 0 || end > len(b) {
		t.Fatalf("the header ends at %d of %d", end, len(b))
	}
	again, err := appendHeader(nil, &h)
	if err != nil {
		t.Fatalf("read, but cannot be written: %v", err)
	}
	_, first, err := parseHeader(again)
	check(t, err)
	_, second, err := findCopy(again[len(sidecarMagic):])
	check(t, err)
	want, err := json.Marshal(&h)
	check(t, err)
	for _, got := range []Header{first, second} {
		if js, err := json.Marshal(&got); err != nil || string(js) != string(want) {
			t.Fatalf("written and read again: %s, %v; want %s", js, err, want)
		}
	}
}

// FuzzStream reads anything for stream.json. With fix, it gets the checksum that
// makes it believed.
func FuzzStream(f *testing.F) {
	for _, body := range []string{
		`{"last_seq":5,"last_segment":2}`, `{"last_seq":-1,"last_segment":2}`, `{"last_seq":9223372036854775807,"next_seq":9223372036854775807}`,
		`{"last_seq":5,"last_segment":2,"new":{"field":1}}`, `null`, `[]`, `{"last_seq":5e3}`,
	} {
		f.Add([]byte(body), true)
		f.Add([]byte(`{"crc32c":0,"stream":`+body+`}`), false)
	}
	f.Add([]byte(`{"version":2,"crc32c":0,"stream":{}}`), false)
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if fix {
			js, err := streamJSON.Encode(json.RawMessage(b))
			if err != nil {
				t.Skip("not JSON")
			}
			b = js
		}
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, streamFile), b, 0o600))
		st, err := readStream(dir)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error quotes the file: %q", err)
			}
			return
		}
		if st.LastSeq < 0 || st.LastSegment < 0 || st.NextSeq < 0 {
			t.Fatalf("%q is taken for %+v", b, st)
		}
		check(t, st.write(dir))
		if again, err := readStream(dir); err != nil || fmt.Sprint(again) != fmt.Sprint(st) {
			t.Fatalf("written as %+v, read as %+v, %v", st, again, err)
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
		check(t, os.WriteFile(filepath.Join(dir, archivedFile), b, 0o600))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		objs, _, err := readObjects(dir)
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
		check(t, appendObjects(dir, []Object{added}))
		again, _, err := readObjects(dir)
		check(t, err)
		i := slices.IndexFunc(again, func(o Object) bool { return o.Key == added.Key })
		if i < 0 || len(again) < len(objs) {
			t.Fatalf("%d objects, then %d, of which %d is the added one", len(objs), len(again), i)
		}
	})
}
