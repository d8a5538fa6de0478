//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/pkg/stdcopy"
)

// The tests here and in follow_cases_test.go are the cases of moby's own tests
// of docker logs; docs/conformance.md says which is which.

// inEachPlace runs a test of stopped containers twice: their entries are in the
// spool, and then in the bucket alone.
func inEachPlace(t *testing.T, ids []string, test func(t *testing.T)) {
	t.Helper()
	t.Run("spool", test)
	shared.flush(t, "--evict")
	for _, id := range ids {
		if left := shared.segments(t, id); len(left) > 0 {
			t.Errorf("segments left after flush --evict: %v", left)
		}
	}
	t.Run("bucket", test)
}

// TestLogsPages prints lines about as long as the pages in which the daemon and
// its drivers copy.
func TestLogsPages(t *testing.T) {
	var refs, ids []string
	sizes := []int{4095, 4096, 16383, 16384, 16385, 32767, 32768, 32769, 33000, 33769, 65536, 131072}
	for _, size := range sizes {
		script := fmt.Sprintf(`head -c %d /dev/zero | tr '\0' =; echo`, size)
		refs = append(refs, start(t, "json-file", nil, script))
		ids = append(ids, start(t, shared.name, nil, script))
	}
	wait(t, append(ids, refs...)...)
	inEachPlace(t, ids, func(t *testing.T) {
		for i, size := range sizes {
			if got := len(logs(t, ids[i]).stdout); got != size+1 {
				t.Errorf("a line of %d bytes has %d in docker logs", size, got)
			}
			compare(t, refs[i], ids[i], views{{"-t"}, {"--tail", "1"}})
		}
	})
}

// TestLogsTail asks for the last lines in every way that docker logs knows.
func TestLogsTail(t *testing.T) {
	const script = `i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo =$i; done`
	ref := runToEnd(t, "json-file", nil, script)
	id := runToEnd(t, shared.name, nil, script)
	inEachPlace(t, []string{id}, func(t *testing.T) {
		for tail, lines := range map[string]int{
			"0": 0, "1": 1, "5": 5, "99": 99, "100": 100, "101": 100, "all": 100, "-1": 100, "-7": 100, "random": 100, "": 100,
			"2147483648": 100, "9223372036854775807": 100, "9223372036854775808": 100,
		} {
			res := logs(t, id, "--tail", tail)
			if n := bytes.Count(res.stdout, []byte("\n")); n != lines {
				t.Errorf("--tail %q prints %d lines, want %d", tail, n, lines)
			}
			compareView(t, []string{"--tail", tail}, logs(t, ref, "--tail", tail), res)
		}
	})
}

// TestLogsSinceUntil cuts a log of three lines at, before and behind its second
// one. json-file has to agree with what is wanted.
func TestLogsSinceUntil(t *testing.T) {
	const script = `for i in 1 2 3; do echo log$i; usleep 200000; done`
	ref := start(t, "json-file", nil, script)
	id := start(t, shared.name, nil, script)
	wait(t, ref, id)
	check := func(t *testing.T, id string) {
		var at []time.Time
		for line := range strings.Lines(string(logs(t, id, "-t").stdout)) {
			stamp, _, _ := strings.Cut(line, " ")
			when, err := time.Parse(time.RFC3339Nano, stamp)
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, when)
		}
		if len(at) != 3 {
			t.Fatalf("the log has %d lines, want 3", len(at))
		}
		stamp := func(d time.Duration) string { return at[1].Add(d).Format(time.RFC3339Nano) }
		second := at[1]
		for _, v := range []struct {
			args string
			want string // digits of the lines
		}{
			{"--since " + stamp(0), "23"},
			{"--since " + stamp(1), "3"},
			{"--since " + stamp(-1), "23"},
			{fmt.Sprintf("--since %d.%09d", second.Unix(), second.Nanosecond()), "23"},
			{fmt.Sprintf("--since %d.%09d", second.Unix(), second.Nanosecond()+1), "3"},
			{"--since 0", "123"},
			{"--since 2000-01-01", "123"},
			{"--since " + stamp(time.Hour), ""},
			{"--until " + stamp(0), "12"},
			{"--until " + stamp(1), "12"},
			{"--until " + stamp(-1), "1"},
			{"--until 0", "123"},
			{"--until " + stamp(time.Hour), "123"},
			{"--until " + stamp(-time.Hour), ""},
			{"--since " + stamp(0) + " --until " + stamp(0), "2"},
			{"--since " + stamp(1) + " --until " + stamp(2), ""},
			{"--tail 2 --until " + stamp(0), "2"},
			{"--tail 1 --since " + stamp(0), "3"},
		} {
			var want strings.Builder
			for _, n := range v.want {
				fmt.Fprintf(&want, "log%c\n", n)
			}
			same(t, "docker logs "+v.args, []byte(want.String()), logs(t, id, strings.Fields(v.args)...).stdout)
		}
	}
	t.Run("json-file", func(t *testing.T) { check(t, ref) })
	inEachPlace(t, []string{id}, func(t *testing.T) { check(t, id) })

	for _, args := range [][]string{{"--since", "2006-01-02T15:04:0Z"}, {"--until", "2006-01-02T15:04:0Z"}} {
		want := run(t, patience, nil, "docker", append(append([]string{"logs"}, args...), ref)...)
		got := run(t, patience, nil, "docker", append(append([]string{"logs"}, args...), id)...)
		if got.err == nil || want.err == nil {
			t.Errorf("docker logs %v succeeds", args)
		}
		same(t, fmt.Sprintf("docker logs %v", args), want.stderr, got.stderr)
	}
}

// engineLogs reads a log from the engine's API.
func engineLogs(t *testing.T, id, query string, tty bool) (status int, stdout, stderr string) {
	t.Helper()
	resp, err := unixClient(engineSocket()).Get("http://engine/containers/" + id + "/logs?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out, errs bytes.Buffer
	if tty || resp.StatusCode != http.StatusOK {
		_, err = io.Copy(&out, resp.Body)
	} else {
		_, err = stdcopy.StdCopy(&out, &errs, resp.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, out.String(), errs.String()
}

// engineSocket is where the engine listens.
func engineSocket() string {
	if socket, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		return socket
	}
	return "/var/run/docker.sock"
}

// TestLogsStreams asks for stdout, for stderr and for both, of containers with
// and without a terminal, which has but one stream.
func TestLogsStreams(t *testing.T) {
	const script, fine, bad = `printf 'this is fine'; printf 'accidents happen' >&2`, "this is fine", "accidents happen"
	id := runToEnd(t, shared.name, nil, script)
	tty := runToEnd(t, shared.name, []string{"-t"}, script)
	inEachPlace(t, []string{id, tty}, func(t *testing.T) {
		for _, v := range []struct {
			id, query, stdout, stderr string
		}{
			{tty, "stdout=1&stderr=1", fine + bad, ""},
			{tty, "stdout=1", fine + bad, ""},
			{tty, "stderr=1", "", ""},
			{id, "stdout=1&stderr=1", fine, bad},
			{id, "stdout=1", fine, ""},
			{id, "stderr=1", "", bad},
			{id, "stdout=1&stderr=1&follow=1", fine, bad},
		} {
			status, stdout, stderr := engineLogs(t, v.id, v.query, v.id == tty)
			if status != http.StatusOK || stdout != v.stdout || stderr != v.stderr {
				t.Errorf("%s: got %d, %q, %q, want %q, %q", v.query, status, stdout, stderr, v.stdout, v.stderr)
			}
		}
		if status, text, _ := engineLogs(t, id, "", false); status != http.StatusBadRequest {
			t.Errorf("neither stdout nor stderr: got %d, %s", status, text)
		}
	})
}

// TestLogsDetails: the daemon's adapter has no place for the labels and variables
// that --details prints, so there are none, and nothing is printed in their stead.
func TestLogsDetails(t *testing.T) {
	opts := []string{"--label", "foo=bar", "-e", "baz=qux", "--log-opt", "labels=foo", "--log-opt", "env=baz"}
	ref := runToEnd(t, "json-file", nil, `echo hello; echo again`) // without labels
	id := runToEnd(t, shared.name, opts, `echo hello; echo again`)
	inEachPlace(t, []string{id}, func(t *testing.T) {
		compare(t, ref, id, views{{"--details"}, {"-t", "--details"}})
	})
}

// TestLogsOfNothing asks for containers that do not exist, or no longer.
func TestLogsOfNothing(t *testing.T) {
	id := runToEnd(t, shared.name, nil, `echo hello`)
	docker(t, "rm", id)
	for _, name := range []string{id, "coldtail-never-there"} {
		res := run(t, patience, nil, "docker", "logs", name)
		if res.err == nil || !bytes.Contains(res.stderr, []byte("No such container: "+name)) {
			t.Errorf("docker logs of a container that is not there: %v, %s", res.err, res.stderr)
		}
		if status, text, _ := engineLogs(t, name, "stdout=1&follow=1", false); status != http.StatusNotFound {
			t.Errorf("the engine answers %d, %s", status, text)
		}
	}
}
