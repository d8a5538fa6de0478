package stdin

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
)

// copied is an entry in brief: the parts' id is told apart, but not compared.
type copied struct {
	Line    string
	Time    int64
	Partial bool
	Last    bool
	Ordinal int32
	Part    int // counts ids from 1
}

// copyAll copies src with a clock that ticks once for every line.
func copyAll(src io.Reader) ([]copied, error) {
	var out []copied
	ids := map[string]int{}
	clock := int64(0)
	c := &copier{src: src, source: codec.Stdout, now: func() time.Time { clock++; return time.Unix(0, clock) }, emit: func(e *codec.Entry) error {
		part := 0
		if e.PartID != nil {
			if part = ids[string(e.PartID)]; part == 0 {
				part = len(ids) + 1
				ids[string(e.PartID)] = part
			}
		}
		out = append(out, copied{string(e.Line), e.TimeNano, e.Partial, e.Last, e.Ordinal, part})
		return nil
	}}
	err := c.run()
	return out, err
}

func TestCopier(t *testing.T) {
	full, half := strings.Repeat("x", copyLine), strings.Repeat("y", copyLine/2)
	for name, tc := range map[string]struct {
		input string
		want  []copied
	}{
		"nothing":    {"", nil},
		"lines":      {"a\n\nb\n", []copied{{Line: "a", Time: 1}, {Line: "", Time: 2}, {Line: "b", Time: 3}}},
		"unfinished": {"a\nb", []copied{{Line: "a", Time: 1}, {Line: "b", Time: 2, Partial: true, Ordinal: 1, Part: 1}}},
		"cut": {full + half + "\nz\n", []copied{
			{Line: full, Time: 1, Partial: true, Ordinal: 1, Part: 1},
			{Line: half, Time: 1, Partial: true, Last: true, Ordinal: 2, Part: 1}, {Line: "z", Time: 2}}},
		"exactly full": {full + "\n", []copied{
			{Line: full, Time: 1, Partial: true, Ordinal: 1, Part: 1},
			{Line: "", Time: 1, Partial: true, Last: true, Ordinal: 2, Part: 1}}},
		"just fits": {full[1:] + "\n", []copied{{Line: full[1:], Time: 1}}},
		"cut and unfinished": {full + half, []copied{
			{Line: full, Time: 1, Partial: true, Ordinal: 1, Part: 1},
			{Line: half, Time: 1, Partial: true, Ordinal: 2, Part: 1}}},
		"two cut": {full + "\n" + full + "\n", []copied{
			{Line: full, Time: 1, Partial: true, Ordinal: 1, Part: 1}, {Line: "", Time: 1, Partial: true, Last: true, Ordinal: 2, Part: 1},
			{Line: full, Time: 2, Partial: true, Ordinal: 1, Part: 2}, {Line: "", Time: 2, Partial: true, Last: true, Ordinal: 2, Part: 2}}},
	} {
		for reader, wrap := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "halved": iotest.HalfReader,
			"by byte": iotest.OneByteReader, "end with data": iotest.DataErrReader,
		} {
			t.Run(name+" "+reader, func(t *testing.T) {
				got, err := copyAll(wrap(strings.NewReader(tc.input)))
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestCopierKeepsWhatCameBeforeAnError(t *testing.T) {
	bad := errors.New("bad pipe")
	got, err := copyAll(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(bad)))
	want := []copied{{Line: "a", Time: 1}, {Line: "b", Time: 2, Partial: true, Ordinal: 1, Part: 1}}
	if d := cmp.Diff(want, got); d != "" || !errors.Is(err, bad) {
		t.Errorf("%v: %s", err, d)
	}
}
