// Package randtest gives tests random numbers that another run can repeat.
//
// It is in codec because the tests of every package may import what is there.
package randtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Env is the environment variable that sets the seed of every random test.
const Env = "COLDTAIL_TEST_SEED"

// New returns random numbers of a seed that differs from run to run, and logs the
// seed, which go test prints if the test fails. If Env is set, it is the seed.
func New(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv(Env); s != "" {
		given, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("%s=%s is no seed, which is a number of 64 bits", Env, s)
		}
		seed = given
	}
	t.Logf("%s=%d repeats these random numbers", Env, seed)
	return rand.New(rand.NewPCG(seed, 0))
}
