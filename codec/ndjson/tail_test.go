package ndjson // counts the headers that are looked at

import (
	"bytes"
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
