//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/coldtail/coldtail/test/parts"
)

// load is a container that writes numbered lines in bursts, so that what must be
// in its log is known to the byte.
type load struct {
	width, burst, bursts int // zero-padded digits of a number, lines per burst, bursts
	pause                int // milliseconds between bursts
}

func (l load) lines() int { return l.burst * l.bursts }

// want is what it writes.
func (l load) want() []byte {
	var b bytes.Buffer
	for i := range l.lines() {
		fmt.Fprintf(&b, "%0*d\n", l.width, i+1)
	}
	return b.Bytes()
}

// checkWrote compares what containers wrote with their logs, as they are and when
// the bucket alone has them, and with the rows in the bucket.
func checkWrote(t *testing.T, p *plugin, ids []string, wrote []load) {
	t.Helper()
	check := func(where string) {
		for i, id := range ids {
			same(t, fmt.Sprintf("docker logs of %+v, %s", wrote[i], where), wrote[i].want(), logs(t, id).stdout)
		}
	}
	check("as they are")
	p.flush(t, "--evict")
	check("from the bucket")
	for i, id := range ids {
		same(t, fmt.Sprintf("rows of %+v", wrote[i]), wrote[i].want(), rows(t, p, id))
	}
}

// rows are the lines of a container that the bucket has, read by DuckDB from all
// its objects: a row that is there twice is there twice here.
func rows(t *testing.T, p *plugin, id string) []byte {
	t.Helper()
	files := p.objects(t, id)
	if len(files) == 0 {
		return nil
	}
	query := fmt.Sprintf("SELECT stream, body, partial FROM read_parquet(['%s']) ORDER BY seq", strings.Join(files, "','"))
	found, err := parts.DuckDB(t).QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var b bytes.Buffer
	for found.Next() {
		var stream, body string
		var partial bool
		if err := found.Scan(&stream, &body, &partial); err != nil {
			t.Fatal(err)
		}
		if stream == "coldtail" {
			t.Errorf("a row says that entries were dropped: %s", body)
		}
		b.WriteString(body)
		if !partial {
			b.WriteByte('\n')
		}
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lastLine is the number that the container logged last, 0 before the first.
func lastLine(t *testing.T, id string) int {
	t.Helper()
	out := strings.TrimLeft(strings.TrimSpace(string(logs(t, id, "--tail", "1").stdout)), "0")
	if out == "" {
		return 0
	}
	n, err := strconv.Atoi(out)
	if err != nil {
		t.Fatalf("the last line of the log is not a number: %q", clip([]byte(out)))
	}
	return n
}

// pid is the process of the plugin, or 0 while it has none. It is the child of
// the containerd shim that has the plugin's id in its arguments, so that no other
// engine's plugin is ever meant.
func (p *plugin) pid(t testing.TB) int {
	t.Helper()
	id := filepath.Base(filepath.Dir(p.socket))
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, proc := range procs {
		// A process that ends meanwhile is none of the plugin's.
		args, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		if !bytes.HasPrefix(args, []byte("/coldtail\x00plugin\x00")) {
			continue
		}
		stat, _ := os.ReadFile(filepath.Join(proc, "stat"))
		// "pid (name) state ppid …", and the name may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		parent, _ := os.ReadFile("/proc/" + fields[1] + "/cmdline")
		if bytes.Contains(parent, []byte("\x00"+id+"\x00")) {
			n, err := strconv.Atoi(filepath.Base(proc))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// kill kills the plugin's process and waits for the next, which answers.
func (p *plugin) kill(t *testing.T) {
	t.Helper()
	old := p.pid(t)
	if old == 0 {
		t.Fatal("the plugin has no process")
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	eventually(t, "the daemon starts the killed plugin again", func() bool {
		now := p.pid(t)
		return now != 0 && now != old
	})
	eventually(t, "the plugin answers", func() bool {
		return run(t, patience, nil, binary(), "status", "--socket", p.socket).err == nil
	})
}

// rootfs is the plugin's file system, on the host.
func (p *plugin) rootfs() string { return filepath.Join(filepath.Dir(p.state), "rootfs") }

// enable enables the plugin again.
func (p *plugin) enable(t *testing.T) {
	t.Helper()
	docker(t, "plugin", "enable", "--timeout", "0", p.name)
	if err := p.locate(t.Context()); err != nil {
		t.Fatal(err)
	}
}
