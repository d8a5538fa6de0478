package codec

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// Each place that looks like a header is looked at once, however many follow each
// other, and whether or not they lead to the end.
func TestTailLooksOnceAtEachHeader(t *testing.T) {
	forged := forgedHeaders(4 << 20)
	for name, b := range map[string][]byte{
		"to nowhere": forged,
		"to the end": bytes.TrimSuffix(forged, []byte("end")),
		"magic":      bytes.Repeat([]byte{0x1f, 0x8b, 8, 4}, 1<<20),
	} {
		c := chainSearch{b: b, size: int64(len(b))}
		all := c.chain()
		if most := len(b) / memberHeadBytes; c.looked > most && name != "magic" || c.looked > len(b)/4 {
			t.Errorf("%s: %d headers are looked at, %d are there", name, c.looked, most)
		}
		if want := name == "to the end"; (len(all) > 0) != want || want && len(all) != len(b)/memberHeadBytes {
			t.Errorf("%s: %d members", name, len(all))
		}
	}
}

// A decoder ends when it is told to, wherever it is.
func TestDecodersStop(t *testing.T) {
	ended := errors.New("ended")
	for _, f := range Formats() {
		b, _ := encodeAll(t, f, testMeta(), plainEntries(20_000))
		for _, rg := range []Range{{Tail: All}, {Tail: 10}, {Tail: 19_000}, {Tail: All, FromSeq: 19_000}} {
			asked, stopAt := 0, -1
			rg.Limits.Stop = func() error {
				if asked++; stopAt >= 0 && asked > stopAt {
					return ended
				}
				return nil
			}
			read := func() error {
				asked = 0
				d, err := NewDecoder(f, Bytes(b), int64(len(b)), rg)
				if err != nil {
					return err
				}
				defer d.Close()
				var e Entry
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
