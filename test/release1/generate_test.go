package release1

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// old is the first release's binary; test/scripts/release1.sh gives it.
var old = flag.String("old", "", "make testdata anew with this `binary`")

// lull is three group commits: what was read before is on the disk then.
const lull = 1500 * time.Millisecond

func generator(t *testing.T) *program {
	if *old == "" {
		t.Skip("testdata is made by test/scripts/release1.sh")
	}
	dir, err := os.MkdirTemp("", "r1-")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &program{t: t, binary: *old, dir: dir, bucket: folder(dir), unshare: true}
}

func fixtureContainers() map[string]*container {
	all := map[string]*container{}
	add := func(name, service string, opts map[string]string) *container {
		c := &container{ID: containerID(len(all) + 1), Name: name, Service: service, Host: host, Opts: opts}
		all[name] = c
		return c
	}
	labels := map[string]string{"com.docker.compose.service": "shop", "team": "blue <&>", "tier": "front"}
	web := add("web", "shop", map[string]string{"roll-size": "64k", "labels": "team,tier", "env": "REGION", "tag": "{{.Name}}/{{.ID}}"})
	web.Labels, web.Env = labels, []string{"REGION=eu", "SECRET=no"}
	api := add("api", "shop", map[string]string{"roll-size": "64k", "format": "ndjson", "labels-regex": "^t", "env-regex": "^R"})
	api.Labels, api.Env = labels, []string{"REGION=us", "SECRET=no"}
	add("ledger", "ledger", map[string]string{"format": "ndjson", "overflow": "block", "max-spool": "64m", "roll-size": "64k", "max-size": "1m", "max-file": "3", "roll-age": "1h"})
	add("newest", "newest", map[string]string{"overflow": "drop-new", "max-spool": "1m"}).Drops = true
	add("oldest", "oldest", map[string]string{"overflow": "drop-old", "max-spool": "1m", "format": "ndjson"}).Drops = true
	add("batch", "batch", map[string]string{"format": "ndjson", "roll-size": "128k", "max-spool": "8m"})
	quiet := add("quiet", "quiet", map[string]string{"format": "ndjson", "overflow": "drop-new", "tag": "quiet-tag", "labels": "team"})
	quiet.Labels = map[string]string{"team": "red"}
	return all
}

// speak writes n lines, a quarter of an hour apart, of which some are not ordinary.
func speak(t *testing.T, c *container, n int) {
	for range n {
		i := len(c.Lines)
		l := c.wrote(i*15, fmt.Sprintf("%s %d", c.Name, i))
		switch i % 10 {
		case 1:
			l.Source = codec.Stderr
			l.Text = append(l.Text, " fails"...)
		case 3:
			l.Text = append(l.Text, " caf\xe9 \xff\x00 \t日本語 🎉"...)
		case 5:
			l.Text = fmt.Appendf(nil, "%s %d %s", c.Name, i, strings.Repeat("0123456789abcdef", 2500))
		case 7:
			l.Text = nil
		case 8:
			l.NoNewline = true
		case 9:
			l.TimeNano -= int64(20 * time.Minute) // a clock that steps
		}
		c.print(t, l)
	}
}

// fill writes n lines of 8 KB.
func fill(t *testing.T, c *container, n int) {
	for range n {
		i := len(c.Lines)
		c.print(t, c.wrote(i, fmt.Sprintf("%s %d %s", c.Name, i, strings.Repeat("x", 8000))))
	}
}

func save(t *testing.T, dir, name, spoolID string, all map[string]*container, what ...string) {
	t.Helper()
	w := written{SpoolID: spoolID}
	w.Containers = slices.SortedFunc(maps.Values(all), func(x, y *container) int { return strings.Compare(x.ID, y.ID) })
	b, err := json.Marshal(w)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, writtenFile), b, 0o600))
	pack(t, name, dir, append(what, writtenFile)...)
}

// TestGeneratePlugin makes the plugin's state, and then the archive that comes of it.
func TestGeneratePlugin(t *testing.T) {
	p := generator(t)
	all := fixtureContainers()
	d := p.plugin()
	for _, name := range []string{"web", "api"} {
		d.begin(all[name])
		speak(t, all[name], 60)
	}
	time.Sleep(lull)
	d.ask("flush", nil)
	d.end() // goes on below

	p.bucket = nowhere
	d = p.plugin()
	speak(t, all["web"], 25)
	speak(t, all["api"], 5)
	for _, name := range []string{"ledger", "newest", "oldest", "batch", "quiet"} {
		d.begin(all[name])
	}
	speak(t, all["ledger"], 75)
	fill(t, all["oldest"], 250)
	fill(t, all["newest"], 200)
	time.Sleep(lull) // a group commit finds that it has too much
	fill(t, all["newest"], 50)
	speak(t, all["batch"], 45)
	d.stop(all["oldest"])
	d.stop(all["batch"])
	web := all["web"]
	l := web.wrote(len(web.Lines)*15, "web's last line, of which the plugin has a half when it is killed")
	frame := l.frames()
	web.fifo.Send(frame[:40])
	web.Torn, web.Lines = frame[40:], append(web.Lines, l)
	time.Sleep(lull)
	spoolID := d.status().SpoolID
	for _, c := range all {
		c.LastSeq = d.stream(c).LastSeq
		c.FirstSeq = firstSeq(t, filepath.Join(p.dir, "state", "spool", c.ID))
	}
	if _, err := os.Stat(filepath.Join(p.dir, "state", "spool", all["newest"].ID, "dropping")); err != nil {
		t.Fatalf("there is no growing gap: %v", err)
	}
	d.kill()
	save(t, p.dir, "plugin.tar.gz", spoolID, all, "state", "bucket")

	p.bucket = folder(p.dir)
	d = p.plugin()
	web.fifo.Send(web.Torn)
	for _, c := range all {
		if c.Running {
			d.stop(c)
		}
	}
	delete(all, "quiet") // wrote nothing
	d.flush()
	d.end()
	for _, format := range codec.Formats() {
		name := "job-" + string(format)
		res := p.run(strings.NewReader("one "+name+"\ntwo\n"), "pipe", "--name", name, "--service", "jobs", "--host", "host-b",
			"--label", "run="+name, "--format", string(format), "--state", "pipe-state")
		if res.status != 0 {
			t.Fatalf("pipe: %s", res.stderr)
		}
	}
	save(t, p.dir, "archive.tar.gz", spoolID, all, "bucket")
}

var firstPattern = regexp.MustCompile(`"segment_seq":1,"first_seq":(\d+)`)

// firstSeq returns the number of a container's first entry; 0 if it has none.
func firstSeq(t *testing.T, dir string) int64 {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "0000000001.*"))
	check(t, err)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		check(t, err)
		if m := firstPattern.FindSubmatch(b); m != nil {
			n, err := strconv.ParseInt(string(m[1]), 10, 64)
			check(t, err)
			return n
		}
	}
	return 0
}

var reservedPattern = regexp.MustCompile(`"reserved":\[\{"segment_seq":(\d+)`)

// TestGenerateReserved makes the state of a plugin that is killed between two
// group commits, when entries have been dropped and there is room again: the gap
// has its numbers, but no file.
func TestGenerateReserved(t *testing.T) {
	p := generator(t)
	check(t, os.WriteFile(filepath.Join(p.dir, "file"), nil, 0o600))
	p.bucket = "file://" + filepath.Join(p.dir, "bucket")
	for attempt := range 20 {
		check(t, os.RemoveAll(filepath.Join(p.dir, "state")))
		check(t, os.RemoveAll(filepath.Join(p.dir, "bucket")))
		c := fixtureContainers()["newest"]
		d := p.plugin()
		// A file in the place of the folder: nothing can be put.
		check(t, os.WriteFile(filepath.Join(p.dir, "bucket"), nil, 0o600))
		d.begin(c)
		fill(t, c, 200)
		time.Sleep(lull)
		check(t, os.Remove(filepath.Join(p.dir, "bucket")))
		go func() { // ends with the process
			resp, err := d.client.Post("http://plugin/flush", "", nil)
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		found := false
		for range 2000 {
			fill(t, c, 1)
			if found = reservedOnly(t, filepath.Join(p.dir, "state", "spool", c.ID)); found {
				break
			}
			time.Sleep(time.Millisecond)
		}
		spoolID := ""
		if !found {
			d.end()
			t.Logf("attempt %d: the gap was written", attempt)
			continue
		}
		d.kill()
		if !reservedOnly(t, filepath.Join(p.dir, "state", "spool", c.ID)) {
			t.Logf("attempt %d: the gap was written after all", attempt)
			continue
		}
		b, err := os.ReadFile(filepath.Join(p.dir, "state", "state.json"))
		check(t, err)
		var st struct {
			SpoolID string `json:"spool_id"`
		}
		check(t, json.Unmarshal(b, &st))
		spoolID = st.SpoolID
		c.FirstSeq = firstSeq(t, filepath.Join(p.dir, "state", "spool", c.ID))
		save(t, p.dir, "reserved.tar.gz", spoolID, map[string]*container{"newest": c}, "state", "bucket")
		return
	}
	t.Fatal("no gap was caught before it was written")
}

// reservedOnly reports whether a segment's header has a gap that has no file.
func reservedOnly(t *testing.T, dir string) bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.idx"))
	check(t, err)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // archived meanwhile
		}
		m := reservedPattern.FindSubmatch(b)
		if m == nil {
			continue
		}
		gaps, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%010s.gap*", m[1])))
		check(t, err)
		if len(gaps) == 0 {
			return true
		}
	}
	return false
}

// TestGeneratePipe makes what `coldtail pipe` leaves when the bucket is away:
// one that ended, and one that was killed.
func TestGeneratePipe(t *testing.T) {
	p := generator(t)
	p.bucket = nowhere
	for _, format := range codec.Formats() {
		var b strings.Builder
		for i := range pipeLines {
			b.WriteString(pipeLine(format, i))
		}
		res := p.run(strings.NewReader(b.String()), pipeArgs(string(format))...)
		if res.status != 1 {
			t.Fatalf("pipe: status %d: %s", res.status, res.stderr)
		}
		r, w, err := os.Pipe()
		check(t, err)
		cmd := p.command(t.Context(), pipeArgs(string(format))...)
		cmd.Stdin = r
		check(t, cmd.Start())
		_, err = fmt.Fprintf(w, "%s of the second run\n", format)
		check(t, err)
		time.Sleep(2 * lull)
		check(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
	check(t, os.WriteFile(filepath.Join(p.dir, writtenFile), []byte("{}"), 0o600))
	pack(t, "pipe.tar.gz", p.dir, "state", writtenFile)
}

// pipeLines is how many lines the first run of `coldtail pipe` gets.
const pipeLines = 2000

func pipeLine(format codec.Format, i int) string {
	return fmt.Sprintf("%s %d of the first run, caf\xe9 %s\n", format, i, strings.Repeat("y", 100))
}

func pipeArgs(format string) []string {
	return []string{"pipe", "--name", "import-" + format, "--service", "imports", "--host", "host-b", "--format", format, "--roll-size", "64k", "--label", "team=blue", "--upload-timeout", "1s"}
}
