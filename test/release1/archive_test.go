package release1

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/codec"
)

// openArchive returns the archive that the first release made, of two hosts,
// and what was written there.
func openArchive(t *testing.T) (*program, *written) {
	dir := Unpack(t, "archive.tar.gz")
	return today(t, dir), readWritten(t, dir)
}

// job is what the other host archived, by `coldtail pipe`.
func job(format codec.Format) (name, text string) {
	name = "job-" + string(format)
	return name, "one " + name + "\ntwo\n"
}

// TestLogs: every line, of both streams, byte for byte.
func TestLogs(t *testing.T) {
	p, w := openArchive(t)
	for _, c := range w.Containers {
		if gone := c.judge(t, p.rows(c.Name)); (gone > 0) != c.Drops {
			t.Errorf("container %s: %d entries were dropped", c.Name, gone)
		}
		if c.Drops {
			continue
		}
		res := p.run(nil, "logs", c.ID)
		if res.status != 0 || res.stdout != c.printed(codec.Stdout) || res.stderr != c.printed(codec.Stderr) {
			t.Errorf("container %s: status %d, %d and %d bytes", c.Name, res.status, len(res.stdout), len(res.stderr))
		}
	}
	for _, format := range codec.Formats() {
		name, text := job(format)
		if got := p.ok("logs", name); got != text {
			t.Errorf("logs %s: %q", name, got)
		}
	}
}

// TestRows: what a row tells of its container.
func TestRows(t *testing.T) {
	p, w := openArchive(t)
	web, api := w.named(t, "web"), w.named(t, "api")
	for _, tc := range []struct {
		c                  *container
		tag                string
		labels, attributes string
	}{
		{web, "web/" + web.ID[:12], "map[team:blue <&> tier:front]", "map[REGION:eu]"},
		{api, "", "map[team:blue <&> tier:front]", "map[REGION:us]"},
	} {
		for _, r := range p.rows(tc.c.Name) {
			if r.Tag != tc.tag || fmt.Sprint(r.Labels) != tc.labels || fmt.Sprint(r.Attributes) != tc.attributes || r.Image != "shop/"+tc.c.Name+":1" {
				t.Fatalf("a row of %s: %+v", tc.c.Name, r)
			}
		}
	}
}

// TestQueries: the end, a range of time, and a pattern.
func TestQueries(t *testing.T) {
	p, w := openArchive(t)
	for _, name := range []string{"web", "api", "ledger"} {
		c := w.named(t, name)
		rows := p.rows(name)
		for _, tail := range []int{1, 7, 40} {
			// Counted in what the daemon sent.
			want, left := []row(nil), tail
			for i := len(c.Lines) - 1; left > 0; i-- {
				want = append(want, rows[i])
				left -= len(c.Lines[i].entries())
			}
			slices.Reverse(want)
			got := p.rows("--tail", fmt.Sprint(tail), name)
			if len(got) != len(want) || got[len(got)-1].Seq != want[len(want)-1].Seq || got[1%len(got)].Seq != want[1%len(want)].Seq {
				t.Errorf("the last %d entries of %s: %d rows, want %d", tail, name, len(got), len(want))
			}
		}
		since, until := rows[20].TimeNano, rows[40].TimeNano
		at := func(nano int64) string { return time.Unix(0, nano).UTC().Format(time.RFC3339Nano) }
		want := 0
		for _, r := range rows {
			if r.TimeNano >= since && r.TimeNano <= until {
				want++
			}
		}
		if got := p.rows("--since", at(since), "--until", at(until), name); len(got) != want {
			t.Errorf("%s from line 20 to line 40: %d rows, want %d", name, len(got), want)
		}
		want = 0
		for i := range c.Lines {
			if strings.Contains(string(c.Lines[i].Text), "fails") {
				want++
			}
		}
		if got := p.rows("--grep", "FAILS$", "-i", name); len(got) != want || want == 0 {
			t.Errorf("--grep in %s: %d rows, want %d", name, len(got), want)
		}
	}
	got := p.ok("logs", "--no-log-prefix", "--host", "host-b")
	for _, format := range codec.Formats() {
		if name, _ := job(format); !strings.Contains(got, "one "+name+"\n") {
			t.Errorf("logs --host host-b: %q", got)
		}
	}
}

// TestFollow prints what is there, and goes on with what today's coldtail archives.
func TestFollow(t *testing.T) {
	p, _ := openArchive(t)
	for _, format := range codec.Formats() {
		name, text := job(format)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := p.command(ctx, "logs", "-f", "--interval", "1s", name)
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		r := bufio.NewReader(out)
		var got strings.Builder
		for range 2 {
			line, err := r.ReadString('\n')
			check(t, err)
			got.WriteString(line)
		}
		res := p.run(strings.NewReader("three\n"), "pipe", "--name", name, "--service", "jobs", "--host", "host-b", "--format", string(format))
		if res.status != 0 {
			t.Fatalf("pipe: %s", res.stderr)
		}
		line, err := r.ReadString('\n')
		check(t, err)
		if got.WriteString(line); got.String() != text+"three\n" {
			t.Errorf("logs -f %s: %q", name, got.String())
		}
		check(t, cmd.Process.Signal(unix.SIGINT))
		if err := cmd.Wait(); err != nil {
			t.Errorf("logs -f %s: %v", name, err)
		}
		cancel()
	}
}

// TestLs: every container with its entries.
func TestLs(t *testing.T) {
	p, w := openArchive(t)
	type amount struct {
		ID      string `json:"container_id"`
		Name    string `json:"container_name"`
		Service string `json:"service_name"`
		Host    string `json:"host_name"`
		Entries int64  `json:"entries"`
	}
	found := map[string]amount{}
	for text := range strings.Lines(p.ok("ls", "--json", "--no-trunc")) {
		var a amount
		check(t, json.Unmarshal([]byte(text), &a))
		found[a.Name] = a
	}
	for _, c := range w.Containers {
		a := found[c.Name]
		if a.ID != c.ID || a.Service != c.Service || a.Host != c.Host || a.Entries != c.entries() && !c.Drops || a.Entries == 0 {
			t.Errorf("ls: %+v, want %s of %s with %d entries", a, c.ID, c.Service, c.entries())
		}
	}
	if want := len(w.Containers) + len(codec.Formats()); len(found) != want {
		t.Errorf("ls: %d containers, want %d", len(found), want)
	}
	if got := p.ok("ls", "--by", "host"); !strings.Contains(got, "host-a ") || !strings.Contains(got, "host-b ") {
		t.Errorf("ls --by host: %s", got)
	}
}

// TestVerify finds nothing wrong, and `coldtail ddl` has a schema for it.
func TestVerify(t *testing.T) {
	p, _ := openArchive(t)
	p.ok("verify")
	for _, format := range codec.Formats() {
		if got := p.ok("ddl", "--format", string(format), "duckdb"); !strings.Contains(got, p.dir) {
			t.Errorf("ddl: %s", got)
		}
	}
}

// TestDockerLogs reads from a local cache where the bucket is away, and from the
// bucket for a plugin that has lost its state.
func TestDockerLogs(t *testing.T) {
	p, w := openArchive(t)
	d := p.plugin("--state", "lost")
	for _, c := range w.Containers {
		c.Created = time.Time{} // older than this state
		d.judgeLogs(c)
		if all, got := d.logs(c, -1), d.logs(c, 5); !c.Drops && (len(got) != 5 || string(got[0].Line) != string(all[len(all)-5].Line)) {
			t.Errorf("the last 5 entries of %s: %d, which begin with %.40q", c.Name, len(got), got[0].Line)
		}
	}
	d.end()

	dir := Unpack(t, "plugin.tar.gz")
	p = today(t, dir)
	p.bucket = nowhere
	d = p.plugin()
	c := readWritten(t, dir).named(t, "api") // most of it is archived
	d.wait("it to be recovered", func() bool { return d.stream(c).LastSeq == c.LastSeq })
	d.judgeLogs(c)
}

// TestReindex gives the old archive the markers that the first release did not
// write: the same is found, by names and hosts.
func TestReindex(t *testing.T) {
	p, w := openArchive(t)
	before := p.ok("ls", "--json", "--no-trunc")
	p.ok("reindex")
	if after := p.ok("ls", "--json", "--no-trunc"); after != before {
		t.Errorf("ls: %s\nthen: %s", before, after)
	}
	for _, c := range w.Containers {
		c.judge(t, p.rows(c.Name))
		c.judge(t, p.rows(c.ID))
	}
	for _, format := range codec.Formats() {
		name, text := job(format)
		if got := p.ok("logs", name); got != text {
			t.Errorf("logs %s: %q", name, got)
		}
		if got := p.ok("logs", "--no-log-prefix", "--host", "host-b", name); got != text {
			t.Errorf("logs --host host-b %s: %q", name, got)
		}
	}
	p.ok("verify")
}
