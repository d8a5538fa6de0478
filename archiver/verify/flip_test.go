package verify_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/archiver/verify"
	"github.com/coldtail/coldtail/codec"
)

// TestAnyByteOfAnObject flips bytes of an object one at a time: where nothing is
// reported, every entry is as it was. What is not noticed is in Parquet's
// headers and statistics, of which the format keeps no checksums.
func TestAnyByteOfAnObject(t *testing.T) {
	for _, format := range codec.Formats() {
		a := openArchive(t)
		a.fill(format)
		objs, err := chunk.List(t.Context(), a.bucket, idB)
		check(t, err)
		key := objs[0].Key()
		whole := a.bytes(key)
		want := decode(t, format, whole)
		flips, unnoticed := 0, 0
		for at := 0; at < len(whole); at += 11 {
			b := bytes.Clone(whole)
			b[at] ^= 0x41
			a.put(key, b)
			flips++
			if found, _ := a.verify(verify.Config{Containers: []string{idB}, Workers: 1}); len(found) > 0 {
				continue
			}
			unnoticed++
			if !reflect.DeepEqual(decode(t, format, b), want) {
				t.Errorf("%s: a flip of byte %d changes what is read, and is not noticed", format, at)
			}
		}
		if unnoticed > flips/4 {
			t.Errorf("%s: %d of %d flips were not noticed", format, unnoticed, flips)
		}
		t.Logf("%s: %d of %d flips change no entry and were not noticed", format, unnoticed, flips)
	}
}

func decode(t *testing.T, format codec.Format, b []byte) (entries []codec.Entry) {
	t.Helper()
	d, err := codec.NewDecoder(format, bytes.NewReader(b), int64(len(b)), codec.Range{Tail: codec.All})
	check(t, err)
	defer d.Close()
	for {
		var e codec.Entry
		if err := d.Next(&e); errors.Is(err, io.EOF) {
			return entries
		} else if err != nil {
			t.Fatal(err)
		}
		e.Line = bytes.Clone(e.Line)
		entries = append(entries, e)
	}
}
