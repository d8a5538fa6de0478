package verify_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/readback/catalog"
	"github.com/coldtail/coldtail/readback/verify"
)

// TestAnyByteOfAnObject flips bytes of an object one at a time: where nothing is
// reported, every entry is as it was. What is not noticed is in Parquet's
// headers and statistics, of which the format keeps no checksums.
func TestAnyByteOfAnObject(t *testing.T) {
	for _, format := range codec.Formats() {
		a := openArchive(t)
		a.fill(format)
		objs, err := catalog.List(t.Context(), a.bucket, idB)
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

func decode(t *testing.T, format codec.Format, b []byte) []codec.Entry {
	t.Helper()
	entries, err := tryDecode(format, b)
	check(t, err)
	return entries
}

// readable tells whether all of an object can be read.
func readable(format codec.Format, b []byte) bool {
	_, err := tryDecode(format, b)
	return err == nil
}

func tryDecode(format codec.Format, b []byte) (entries []codec.Entry, err error) {
	d, err := chunkfile.NewDecoder(format, bytes.NewReader(b), int64(len(b)), codec.Range{Tail: codec.All})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	for {
		var e codec.Entry
		if err := d.Next(&e); errors.Is(err, io.EOF) {
			return entries, nil
		} else if err != nil {
			return nil, err
		}
		e.Line = bytes.Clone(e.Line)
		entries = append(entries, e)
	}
}

// TestGarbledRows has an NDJSON object whose last row has a number that is not the
// object's, as a flipped byte may make one: its checksum tells that only behind it.
func TestGarbledRows(t *testing.T) {
	a := openArchive(t)
	a.fill(codec.NDJSON)
	for i, c := range a.objects() {
		whole := a.bytes(c.Key())
		entries := decode(t, c.Format, whole)
		entries[len(entries)-1].Seq += 5000
		var b bytes.Buffer
		enc, err := chunkfile.NewEncoder(c.Format, &b, codec.Meta{ContainerID: c.ContainerID}, codec.ChunkInfo{SpoolID: c.SpoolID, SegmentSeq: c.SegmentSeq})
		check(t, err)
		for k := range entries {
			check(t, enc.Encode(&entries[k]))
		}
		_, err = enc.Close()
		check(t, err)
		b.Bytes()[b.Len()-8] ^= 1 // of gzip's checksum
		a.put(c.Key(), b.Bytes())
		found, _ := a.verify(verify.Config{})
		if len(found) != 1 || found[0].Kind != verify.Unreadable || found[0].Key != c.Key() {
			t.Errorf("object %d: %+v", i, found)
		}
		a.put(c.Key(), whole)
	}
}
