package randtest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec/randtest"
)

// recorder is a test whose log can be read.
type recorder struct {
	testing.TB
	said strings.Builder
}

func (r *recorder) Helper()                      {}
func (r *recorder) Logf(format string, a ...any) { fmt.Fprintf(&r.said, format, a...) }

// TestSeedRepeats: the seed that a run logs gives the same numbers again.
func TestSeedRepeats(t *testing.T) {
	t.Setenv(randtest.Env, "")
	first := &recorder{TB: t}
	want := randtest.New(first).Uint64()
	var seed uint64
	if _, err := fmt.Sscanf(first.said.String(), randtest.Env+"=%d", &seed); err != nil {
		t.Fatalf("%q has no seed: %v", first.said.String(), err)
	}
	t.Setenv(randtest.Env, fmt.Sprint(seed))
	if got := randtest.New(t).Uint64(); got != want {
		t.Errorf("seed %d gives %d, then %d", seed, want, got)
	}
	if got := rand.New(rand.NewPCG(seed, 0)).Uint64(); got != want {
		t.Errorf("seed %d is not what was used", seed)
	}
}
