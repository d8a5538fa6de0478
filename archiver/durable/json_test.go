package durable_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// content is what the files of these tests hold.
type content struct {
	Name string `json:"name"`
	N    int64  `json:"n"`
}

var kinds = map[string]durable.JSON{
	`{"version":1,"crc32c":901325062,"body":{"name":"\u003ca\u003e","n":7}}` + "\n": {Body: "body", Version: 1, Versioned: true, Newline: true},
	`{"crc32c":901325062,"body":{"name":"\u003ca\u003e","n":7}}`:                    {Body: "body", Version: 1},
	`{"name":"\u003ca\u003e","n":7,"crc32c":901325062}` + "\n":                      {Version: 1, Newline: true},
}

// TestJSONBytes holds each kind to the bytes that it has on the disk.
func TestJSONBytes(t *testing.T) {
	want := content{"<a>", 7}
	for text, kind := range kinds {
		b, err := kind.Encode(want)
		if err != nil || string(b) != text {
			t.Errorf("%+v: %q, %v, want %q", kind, b, err, text)
		}
		var got content
		if extra, err := kind.Decode(b, &got); err != nil || got != want || extra != nil {
			t.Errorf("%q: %+v, %v, %v", b, got, extra, err)
		}
	}
}

// TestJSONDamage flips each bit and cuts at each byte: what is taken is what was written.
func TestJSONDamage(t *testing.T) {
	want := content{"<a>", 7}
	for text, kind := range kinds {
		text = strings.TrimSuffix(text, "\n")
		for i := range text {
			for bit := range 9 {
				bad := []byte(text)
				if bad = bad[:i]; bit < 8 {
					bad = []byte(text)
					bad[i] ^= 1 << bit
				}
				var got content
				_, err := kind.Decode(bad, &got)
				switch {
				case err == nil && got != want:
					t.Errorf("%q is taken for %+v", bad, got)
				case err != nil && !errors.Is(err, durable.ErrDamaged) && !errors.Is(err, codec.ErrNewer):
					t.Errorf("%q: %v", bad, err)
				}
			}
		}
	}
}

// TestJSONNewer: a newer file is that whatever else is in it, and is understood as far
// as it can be.
func TestJSONNewer(t *testing.T) {
	for text, kind := range kinds {
		newer := []byte(strings.Replace(text, "{", `{"version":2,`, 1))
		newer = bytes.Replace(newer, []byte(`"version":1,`), nil, 1)
		newer = bytes.Replace(newer, []byte(`901325062`), []byte(`"another kind of sum"`), 1)
		var got content
		if _, err := kind.Decode(newer, &got); !errors.Is(err, codec.ErrNewer) || errors.Is(err, durable.ErrDamaged) || got.N != 7 {
			t.Errorf("%s: %v, %+v", newer, err, got)
		}
	}
}

// TestJSONExtra: members that a later version added to a kind without a body are kept,
// whether its checksum has them or not; without a checksum they are not believed.
func TestJSONExtra(t *testing.T) {
	kind := durable.JSON{Version: 1}
	extra := []durable.Member{{Name: "future", Value: json.RawMessage(`{"a":[1, 2]}`)}}
	summed, err := kind.Encode(content{"a", 7}, extra...)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := kind.Encode(content{"a", 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{summed, bytes.Replace(plain, []byte("{"), []byte(`{"future":{"a":[1, 2]},`), 1)} {
		var got content
		if kept, err := kind.Decode(b, &got); err != nil || got.N != 7 || !reflect.DeepEqual(kept, extra) {
			t.Errorf("%s: %+v, %s, %v", b, got, kept, err)
		}
	}
	var got content
	if _, err := kind.Decode([]byte(`{"name":"a","n":7}`), &got); err != nil {
		t.Errorf("of before there was a checksum: %v", err)
	}
	if _, err := kind.Decode([]byte(`{"name":"a","n":7,"crc32d":1}`), &got); !errors.Is(err, durable.ErrDamaged) {
		t.Errorf("without its checksum: %v", err)
	}
}

// TestReadCopies has each of two copies whole, damaged, newer or missing.
func TestReadCopies(t *testing.T) {
	kind := durable.JSON{Body: "body", Version: 1}
	one, err1 := kind.Encode(content{N: 1})
	two, err2 := kind.Encode(content{N: 2})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	newer := []byte(`{"version":2}`)
	for _, c := range []struct {
		first, second []byte
		n             int64
		same          bool
		damaged       int
		err           error
	}{
		{one, one, 1, true, 0, nil},
		{one, two, 1, false, 0, nil},
		{nil, two, 2, false, 0, nil},
		{one, nil, 1, false, 0, nil},
		{one[1:], two, 2, false, 1, nil},
		{one, two[1:], 1, false, 1, nil},
		{one[1:], two[1:], 0, false, 2, nil},
		{one[1:], nil, 0, false, 1, nil},
		{one, newer, 0, false, 0, codec.ErrNewer},
		{newer, one, 0, false, 0, codec.ErrNewer},
		{nil, nil, 0, false, 0, os.ErrNotExist},
	} {
		dir := t.TempDir()
		paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
		for i, b := range [][]byte{c.first, c.second} {
			if b == nil {
				continue
			}
			if err := os.WriteFile(paths[i], b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var got content
		found := false
		copies, err := durable.ReadCopies(func(b []byte) error {
			var v content
			_, err := kind.Decode(b, &v)
			if err == nil && !found {
				got, found = v, true
			}
			return err
		}, paths...)
		switch {
		case c.err != nil:
			if !errors.Is(err, c.err) {
				t.Errorf("%s and %s: %v", c.first, c.second, err)
			}
		case err != nil || got.N != c.n || copies.Same != c.same || len(copies.Damaged) != c.damaged:
			t.Errorf("%s and %s: %+v, %+v, %v", c.first, c.second, got, copies, err)
		}
	}
}
