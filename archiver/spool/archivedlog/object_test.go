package archivedlog // lines are made and parsed by hand

import (
	"strings"
	"testing"
)

// TestObjectLines: an object's line is read as what it was, with and without a hash,
// and no change of any byte passes.
func TestObjectLines(t *testing.T) {
	for _, o := range []Object{
		{Segment: 1, SizeBytes: 0, Key: "k"},
		{Segment: 7, SizeBytes: 12, Key: "a key", SHA256: strings.Repeat("0f", 32)},
		{Segment: 7, SizeBytes: 12, Key: "k", SHA256: strings.Repeat("0f", 32), ETag: "\"a:b c%20+\n-2\""},
	} {
		line := strings.TrimSuffix(o.line(), "\n")
		if got, ok := parseObject(line); !ok || got != o {
			t.Errorf("%q is read as %+v, %v", line, got, ok)
		}
		for i := range line {
			bad := []byte(line)
			bad[i] ^= 1
			if got, ok := parseObject(string(bad)); ok {
				t.Errorf("%q is read as %+v", bad, got)
			}
			if got, ok := parseObject(line[:i]); ok {
				t.Errorf("%q is read as %+v", line[:i], got)
			}
		}
	}
}
