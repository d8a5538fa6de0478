package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestPipeOfManyLabels: metadata beyond its bounds is cut and named, and what was
// piped is archived, exit status 0, and read back.
func TestPipeOfManyLabels(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, "COLDTAIL_BUCKET=file://"+h.dir+"/bucket", "COLDTAIL_STATE="+h.dir+"/state")
	args := []string{"pipe", "--name", "web", "--service", strings.Repeat("s", 5000)}
	for i := range 8 {
		args = append(args, "--label", fmt.Sprintf("html%d=secret%s", i, strings.Repeat("<", 100_000)))
	}
	for i := range 2000 {
		args = append(args, "--label", fmt.Sprintf("many%d=1", i))
	}
	const input = "one\ntwo\n"
	res := h.run(strings.NewReader(input), args...)
	if res.status != exitOK || strings.Count(res.stderr, "beyond its bounds") != 1 || strings.Contains(res.stderr, "secret") {
		t.Fatalf("pipe: status %d, %.500s", res.status, res.stderr)
	}
	if res := h.run(nil, "logs", "web"); res.status != exitOK || res.stdout != input {
		t.Errorf("logs: %+v", res)
	}
	if res := h.run(nil, "verify"); res.status != exitOK {
		t.Errorf("verify: %+v", res)
	}
}
