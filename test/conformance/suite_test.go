package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/daemon/logger/loggertest"
)

// suiteEnv lets TestAdapterSuite run. By itself it fails, see TestAdapter.
const suiteEnv = "COLDTAIL_CONFORMANCE_SUITE"

// suiteCases is how many cases moby's suite has, in the version of go.mod:
// fewer would mean that some were not run.
const suiteCases = 42

// impossible are the suite's cases that no plugin can pass, with reasons in
// docs/conformance.md: the adapter drops entries before since one by one.
func impossible() []string {
	return []string{
		"Tail/Live/Since", "Tail/Live/MoreThanSince", "Tail/Live/LessThanSince",
		"Tail/Stopped/Since", "Tail/Stopped/MoreThanSince", "Tail/Stopped/LessThanSince",
		"Follow/Since",
	}
}

// TestEndpoint runs moby's suite with entries that come through the adapter and
// its FIFO, and are read from the plugin's endpoint. There all cases pass.
func TestEndpoint(t *testing.T) { runSuite(t, true) }

// TestAdapterSuite runs moby's suite through the adapter.
func TestAdapterSuite(t *testing.T) {
	if os.Getenv(suiteEnv) == "" {
		t.Skip("TestAdapter runs it, and judges it")
	}
	runSuite(t, false)
}

func runSuite(t *testing.T, direct bool) {
	d := newDaemon(t)
	for _, pl := range places() {
		t.Run(pl.name, func(t *testing.T) {
			suite := loggertest.Reader{Factory: (&rig{daemon: d, place: pl, direct: direct}).factory}
			t.Run("Tail", suite.TestTail)
			t.Run("Follow", suite.TestFollow)
		})
	}
}

// TestAdapter runs TestAdapterSuite in a process of its own, as the cases that
// have to fail would fail this one: these fail in every place, and no other.
func TestAdapter(t *testing.T) {
	self, err := os.Executable()
	check(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestAdapterSuite$", "-test.v=true")
	cmd.Env = append(os.Environ(), suiteEnv+"=1")
	out, _ := cmd.CombinedOutput() // what failed, it says
	passed, failed := results(out)
	var want []string
	for _, pl := range places() {
		for _, name := range impossible() {
			want = append(want, "TestAdapterSuite/"+pl.name+"/"+name)
		}
	}
	slices.Sort(want)
	if !slices.Equal(failed, want) {
		t.Errorf("failed:\n%s\nwant:\n%s", strings.Join(failed, "\n"), strings.Join(want, "\n"))
	}
	if n := suiteCases * len(places()); len(passed)+len(failed) != n {
		t.Errorf("%d cases passed and %d failed, want %d in all", len(passed), len(failed), n)
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
	t.Logf("%d of moby's cases passed and %d failed as they have to, in %d places", len(passed), len(failed), len(places()))
}

// results reads which of the tests without subtests passed and failed, sorted.
func results(out []byte) (passed, failed []string) {
	line := regexp.MustCompile(`^ *--- (PASS|FAIL): (\S+) \(`)
	all := map[string]string{}
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		if m := line.FindStringSubmatch(sc.Text()); m != nil {
			all[m[2]] = m[1]
		}
	}
	for name, result := range all {
		parent := false
		for other := range all {
			parent = parent || strings.HasPrefix(other, name+"/")
		}
		switch {
		case parent:
		case result == "PASS":
			passed = append(passed, name)
		default:
			failed = append(failed, name)
		}
	}
	slices.Sort(passed)
	slices.Sort(failed)
	return passed, failed
}

// TestDocumented holds docs/conformance.md to the list above.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/conformance.md")
	check(t, err)
	for _, name := range impossible() {
		if !bytes.Contains(doc, fmt.Appendf(nil, "`%s`", name)) {
			t.Errorf("docs/conformance.md does not say why %s cannot pass", name)
		}
	}
}
