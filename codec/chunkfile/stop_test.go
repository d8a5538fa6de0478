package chunkfile_test

import (
	"errors"
	"io"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/codec/codectest"
	"github.com/coldtail/coldtail/codec/ranged"
)

// A decoder ends wherever it is as soon as its limits say so.
func TestDecodersStop(t *testing.T) {
	ended := errors.New("ended")
	for _, f := range codec.Formats() {
		b, _ := encodeAll(t, f, codectest.Meta(), codectest.PlainEntries(20_000))
		for _, rg := range []codec.Range{{Tail: codec.All}, {Tail: 10}, {Tail: 19_000}, {Tail: codec.All, FromSeq: 19_000}} {
			asked, stopAt := 0, -1
			rg.Limits.Stop = func() error {
				if asked++; stopAt >= 0 && asked > stopAt {
					return ended
				}
				return nil
			}
			read := func() error {
				asked = 0
				d, err := chunkfile.NewDecoder(f, ranged.Bytes(b), int64(len(b)), rg)
				if err != nil {
					return err
				}
				defer d.Close()
				var e codec.Entry
				for err == nil {
					err = d.Next(&e)
				}
				return err
			}
			if err := read(); err != io.EOF {
				t.Fatal(err)
			}
			times := asked
			if times < 3 {
				t.Errorf("%s %+v: asked %d times", f, rg, times)
			}
			for stopAt = 0; stopAt < times; stopAt += 1 + times/10 {
				if err := read(); err != ended || asked > stopAt+3 {
					t.Errorf("%s tail %d: error %v, asked %d times after %d", f, rg.Tail, err, asked, stopAt)
				}
			}
		}
	}
}
