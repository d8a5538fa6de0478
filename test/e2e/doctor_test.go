//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"
	"time"
)

// TestDoctorClientTimeout has doctor find out what Docker shows nowhere: that a
// plugin was enabled without --timeout 0. The container keeps the timeout with
// which it started, so that the remedy has a second part.
func TestDoctorClientTimeout(t *testing.T) {
	p := privatePlugin(t, "coldtail:e2e-doctor", "COLDTAIL_BUCKET="+folderBucket)
	docker(t, "plugin", "disable", p.name)
	docker(t, "plugin", "enable", p.name)
	id := start(t, p.name, nil, `while :; do echo x; sleep 1; done`)
	check := func() (status, remedy string) {
		t.Helper()
		res := run(t, 3*time.Minute, nil, binary(), "doctor", "--plugin", p.name, "--slow", "--json")
		var out struct {
			Checks []struct{ Check, Status, Detail, Remedy string }
		}
		if err := json.Unmarshal(res.stdout, &out); err != nil {
			t.Fatalf("%v: %s%s", err, res.stdout, res.stderr)
		}
		for _, c := range out.Checks {
			if c.Check == "client timeout" {
				t.Log(c)
				if (res.err != nil) != (c.Status == "fail") {
					t.Errorf("doctor: %v\n%s", res.err, res.stdout)
				}
				return c.Status, c.Remedy
			}
		}
		t.Fatalf("not checked: %s", res.stdout)
		return "", ""
	}
	want := "docker plugin disable -f " + p.name + " && docker plugin enable --timeout 0 " + p.name + ", then restart the containers that log with it"
	if status, remedy := check(); status != "fail" || remedy != want {
		t.Errorf("with a timeout: %s, %s", status, remedy)
	}
	docker(t, "plugin", "disable", "-f", p.name)
	docker(t, "plugin", "enable", "--timeout", "0", p.name)
	docker(t, "restart", "-t", "0", id)
	if status, remedy := check(); status != "ok" || remedy != "" {
		t.Errorf("without one: %s, %s", status, remedy)
	}
}
