package spool // inside: see spool_test.go

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
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
		{SegmentSeq: 1<<61 - 1, FirstSeq: 1<<61 - 1, Reserved: []reservation{{SegmentSeq: 1, FirstSeq: 1, Gap: *gap}}},
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
