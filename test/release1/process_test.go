package release1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/plugin"
)

// patience bounds every wait for something that has to happen.
const patience = time.Minute

// nowhere is a bucket that nobody answers at.
const nowhere = "s3://away/logs?endpoint=http://127.0.0.1:1"

// host is the plugin's host in every fixture.
const host = "host-a"

// program is a built coldtail that works in a folder of its own.
type program struct {
	t      *testing.T
	binary string
	dir    string
	bucket string
	// unshare gives it host's name; without it the machine's counts.
	unshare bool
}

// folder is the URL of the folder bucket in a fixture.
func folder(dir string) string { return "file://" + filepath.Join(dir, "bucket") }

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	argv := append([]string{p.binary}, args...)
	if p.unshare {
		argv = append([]string{"unshare", "--uts", "sh", "-c", `echo "$0" >/proc/sys/kernel/hostname && exec "$@"`, host}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"HOME=" + p.dir, "PATH=" + os.Getenv("PATH"), "COLDTAIL_BUCKET=" + p.bucket, "COLDTAIL_STATE=state",
		"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_EC2_METADATA_DISABLED=true",
	}
	return cmd
}

// result is what a command printed, and its exit status.
type result struct {
	stdout, stderr string
	status         int
}

func (p *program) run(stdin io.Reader, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		p.t.Fatalf("%v: %v", args, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// ok returns what a command printed that went well.
func (p *program) ok(args ...string) string {
	p.t.Helper()
	res := p.run(nil, args...)
	if res.status != 0 {
		p.t.Fatalf("%v: status %d: %s", args, res.status, res.stderr)
	}
	return res.stdout
}

// rows are what `coldtail logs --json` prints.
func (p *program) rows(args ...string) (rows []row) {
	p.t.Helper()
	for text := range strings.Lines(p.ok(append([]string{"logs", "--json"}, args...)...)) {
		var r row
		check(p.t, json.Unmarshal([]byte(text), &r))
		rows = append(rows, r)
	}
	return rows
}

// daemon is a running `coldtail plugin`, asked as the Docker daemon does.
type daemon struct {
	*program
	cmd    *exec.Cmd
	log    *bytes.Buffer
	client *http.Client
}

func (p *program) plugin(args ...string) *daemon {
	p.t.Helper()
	d := &daemon{program: p, log: &bytes.Buffer{}}
	socket := filepath.Join(p.dir, "s")
	_ = os.Remove(socket) // a killed process leaves it
	d.cmd = p.command(context.Background(), append([]string{"plugin", "--socket", "s"}, args...)...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.client = &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	check(p.t, d.cmd.Start())
	p.t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		d.client.CloseIdleConnections()
		if p.t.Failed() {
			p.t.Logf("the plugin's log:\n%.8000s", d.log)
		}
	})
	p.wait("the plugin to be ready", func() bool {
		resp, err := d.client.Post("http://plugin/status", "", nil)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var s plugin.Status
		return json.NewDecoder(resp.Body).Decode(&s) == nil && s.Ready
	})
	return d
}

func (p *program) wait(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (d *daemon) ask(path string, body any) []byte {
	d.t.Helper()
	b, err := json.Marshal(body)
	check(d.t, err)
	resp, err := d.client.Post("http://plugin/"+path, "application/json", bytes.NewReader(b))
	check(d.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: %s %.300s, %v", path, resp.Status, answer, err)
	}
	return answer
}

func (d *daemon) status() archiver.Status {
	d.t.Helper()
	var s plugin.Status
	check(d.t, json.Unmarshal(d.ask("status", nil), &s))
	return *s.Archiver
}

// stream is what the status says of a container.
func (d *daemon) stream(c *container) archiver.StreamStatus {
	d.t.Helper()
	for _, s := range d.status().Streams {
		if s.ContainerID == c.ID {
			return s
		}
	}
	return archiver.StreamStatus{}
}

func (d *daemon) logging(endpoint string, body any) {
	d.t.Helper()
	if answer := strings.TrimSpace(string(d.ask("LogDriver."+endpoint, body))); answer != `{"Err":""}` {
		d.t.Fatalf("%s: %s", endpoint, answer)
	}
}

// begin starts a container.
func (d *daemon) begin(c *container) {
	d.t.Helper()
	c.open(d.t, d.dir)
	c.Created = time.Now().UTC() // after the state: it has no other history
	d.logging("StartLogging", struct {
		File string
		Info plugin.Info
	}{fifoName(c), c.info()})
	c.Running = true
}

// stop stops a container: what it wrote is in the spool then.
func (d *daemon) stop(c *container) {
	d.t.Helper()
	d.logging("StopLogging", struct{ File string }{fifoName(c)})
	check(d.t, c.fifo.Close())
	c.Running = false
}

// logs is `docker logs`: a container's entries.
func (d *daemon) logs(c *container, tail int) []codec.Entry {
	d.t.Helper()
	type config struct{ Tail int }
	stream := d.ask("LogDriver.ReadLogs", struct {
		Info   plugin.Info
		Config config
	}{c.info(), config{tail}})
	all, rest := fifotest.Split(stream)
	if len(rest) > 0 {
		d.t.Fatalf("after %d entries of %s, %d bytes are no whole frame", len(all), c.Name, len(rest))
	}
	return all
}

// judgeLogs compares `docker logs` with what the container wrote. Where entries
// were dropped, a line tells of each gap, and the rest is there in order.
func (d *daemon) judgeLogs(c *container) {
	d.t.Helper()
	got := d.logs(c, -1)
	var want []codec.Entry
	for i := range c.Lines {
		want = append(want, c.Lines[i].entries()...)
	}
	at := 0
	for _, e := range got {
		if gap, err := codec.ParseGap(bytes.TrimSuffix(e.Line, []byte("\n"))); err == nil && c.Drops {
			at += int(gap.Entries)
			continue
		}
		if at >= len(want) {
			d.t.Fatalf("docker logs of %s: more than %d entries: %.80q", c.Name, len(want), e.Line)
		}
		w := want[at]
		line := string(w.Line)
		if w.Newline() {
			line += "\n"
		}
		if string(e.Line) != line || e.TimeNano != w.TimeNano || e.Source != w.Source {
			d.t.Fatalf("docker logs of %s: entry %d is %.60q at %d, want %.60q at %d", c.Name, at, e.Line, e.TimeNano, line, w.TimeNano)
		}
		at++
	}
	if at != len(want) {
		d.t.Fatalf("docker logs of %s: %d entries, want %d", c.Name, at, len(want))
	}
}

// flush archives everything.
func (d *daemon) flush() {
	d.t.Helper()
	var res archiver.FlushResult
	check(d.t, json.Unmarshal(d.ask("flush?evict=true", nil), &res))
	if res.Pending != 0 {
		d.t.Fatalf("flush left %d segments", res.Pending)
	}
}

// kill ends the process without a word.
func (d *daemon) kill() {
	d.t.Helper()
	check(d.t, d.cmd.Process.Kill())
	_ = d.cmd.Wait() // says that it was killed
}

// end stops the process as the daemon does.
func (d *daemon) end() {
	d.t.Helper()
	check(d.t, d.cmd.Process.Signal(unix.SIGTERM))
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatal(fmt.Errorf("the plugin ended: %w", err))
	}
}
