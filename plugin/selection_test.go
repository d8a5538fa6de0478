package plugin

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// TestRegexBounds: an expression is refused before it is compiled if it would
// become large; those that people write are not.
func TestRegexBounds(t *testing.T) {
	names := make([]string, 200)
	for i := range names {
		names[i] = fmt.Sprintf("com.example.some-label-%d", i)
	}
	for value, want := range map[string]string{
		"^(com\\.docker\\.|org\\.).*":                         "",
		"^(?i:team|zone)[0-9]{1,3}$":                          "",
		strings.Join(names[:100], "|"):                        "",
		"(.{100}){10}":                                        "",
		strings.Repeat(`\pL{1000}`, 400):                      "fewer repeats",
		strings.Repeat("(((a{10}){10}){10}b){1}", 100):        "fewer repeats",
		strings.Repeat("a", 4097):                             "at most 4096 bytes",
		strings.Repeat("(", 2000) + strings.Repeat(")", 2000): "Go's syntax",
		"(a{1000}){1000}":                                     "Go's syntax",
		strings.Repeat("x", 64<<10+1):                         "at most 65536 bytes",
	} {
		for _, key := range []string{"labels-regex", "env-regex"} {
			_, err := ParseOptions(map[string]string{key: value}, nil)
			var oe *OptionError
			if want == "" && err != nil || want != "" && (!errors.As(err, &oe) || oe.Key != key || !strings.Contains(oe.Reason, want)) {
				t.Errorf("%s=%.50q: got %v, want %q", key, value, err, want)
			}
		}
	}
	long := strings.Repeat("k", 1<<20)
	if _, err := ParseOptions(map[string]string{long: long}, nil); err == nil || len(err.Error()) > 1000 {
		t.Errorf("a name of a megabyte: %.100v", err)
	}
}

// TestUnseenAreCounted: what there is no time to match is left out, never taken,
// and the mark says so. Names given one by one are found in any case.
func TestUnseenAreCounted(t *testing.T) {
	info := testInfo()
	info.ContainerEnv = []string{"zone=1"}
	for i := range 100_000 {
		info.ContainerEnv = append(info.ContainerEnv, fmt.Sprintf("SECRET_VARIABLE_%d=hunter2", i))
	}
	meta := metaOf(t, info, map[string]string{"env-regex": strings.Repeat(".{900}", 5) + "x|^A", "env": "zone"})
	if len(meta.Attributes) != 1 || meta.Attributes["zone"] != "1" {
		t.Errorf("%d attributes, of which none but one was asked for", len(meta.Attributes))
	}
	if mark := meta.Labels[codec.MetaCutKey]; !strings.HasSuffix(mark, " attributes left out") {
		t.Errorf("the mark says %q", mark)
	}
	meta = metaOf(t, info, map[string]string{"env-regex": ".", "env": "zone", "tag": "{{(.ExtraAttributes nil).zone}}"})
	if n, mark := len(meta.Attributes), meta.Labels[codec.MetaCutKey]; n != 256 || meta.Attributes["zone"] != "1" || meta.Tag != "1" || mark != "99745 attributes left out" {
		t.Errorf("%d attributes, the mark says %q, the tag is %q", n, mark, meta.Tag)
	}
}
