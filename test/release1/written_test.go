package release1

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/plugin"
)

// writtenFile is what was written, beside what the first release made of it.
const writtenFile = "written.json"

// written is what the containers of a fixture wrote.
type written struct {
	SpoolID    string       `json:"spool_id"`
	Containers []*container `json:"containers"`
}

// container is one whose log the daemon sends: the test plays both.
type container struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Service string            `json:"service"`
	Host    string            `json:"host"`
	Opts    map[string]string `json:"opts,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Env     []string          `json:"env,omitempty"`
	Created time.Time         `json:"created"`
	// Running: the first release was killed while it read the container's FIFO.
	Running bool `json:"running"`
	// Torn is what it had not read of the last line's frame.
	Torn     []byte `json:"torn,omitempty"`
	FirstSeq int64  `json:"first_seq"` // 0: it had written nothing
	LastSeq  int64  `json:"last_seq"`  // that the first release gave
	Drops    bool   `json:"drops"`     // entries were dropped
	Lines    []line `json:"lines"`

	fifo *fifotest.FIFO
}

// line is one that the container wrote; the daemon may send it in parts.
type line struct {
	Source    string `json:"source"`
	TimeNano  int64  `json:"time"`
	Text      []byte `json:"text"`
	NoNewline bool   `json:"no_newline,omitempty"`
}

// partBytes is where the daemon cuts a line.
const partBytes = 16 << 10

func (l *line) entries() (all []codec.Entry) {
	e := codec.Entry{Source: l.Source, TimeNano: l.TimeNano, Line: l.Text, Partial: l.NoNewline}
	if len(l.Text) <= partBytes {
		return []codec.Entry{e}
	}
	e.Partial, e.PartID = true, []byte("part")
	for rest := l.Text; len(rest) > 0; {
		e.Ordinal++
		e.Line = rest[:min(partBytes, len(rest))]
		rest = rest[len(e.Line):]
		e.Last = len(rest) == 0
		all = append(all, e)
	}
	return all
}

func (l *line) frames() (b []byte) {
	for _, e := range l.entries() {
		b = codec.AppendFrame(b, &e)
	}
	return b
}

// text is the line as `coldtail logs` prints it.
func (l *line) text() string {
	if l.NoNewline {
		return string(l.Text)
	}
	return string(l.Text) + "\n"
}

// entries counts what the daemon sent.
func (c *container) entries() (n int64) {
	for i := range c.Lines {
		n += int64(len(c.Lines[i].entries()))
	}
	return n
}

// info is what the daemon tells of the container.
func (c *container) info() plugin.Info {
	return plugin.Info{
		ContainerID: c.ID, ContainerName: "/" + c.Name, ContainerCreated: c.Created, ContainerImageName: "shop/" + c.Name + ":1",
		ContainerImageID: "sha256:" + c.ID, ContainerLabels: c.Labels, ContainerEnv: c.Env, Config: c.Opts,
	}
}

// printed is what one of the container's streams holds.
func (c *container) printed(source string) string {
	var b strings.Builder
	for i := range c.Lines {
		if c.Lines[i].Source == source {
			b.WriteString(c.Lines[i].text())
		}
	}
	return b.String()
}

// FIFOs have names that hold wherever the process runs: it runs in its own folder.
func fifoName(c *container) string { return "/proc/self/cwd/fifos/" + c.Name }

// open makes the container's FIFO in a process's folder.
func (c *container) open(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "fifos", c.Name)
	check(t, os.MkdirAll(filepath.Dir(path), 0o700))
	_ = os.Remove(path) // there is none in a fixture
	c.fifo = fifotest.Make(t, path)
	c.fifo.Patience = patience
}

// print writes lines and remembers them.
func (c *container) print(t *testing.T, lines ...line) {
	t.Helper()
	for i := range lines {
		c.fifo.Send(lines[i].frames())
	}
	c.Lines = append(c.Lines, lines...)
}

// wrote returns a line of the container's, as if it had been written n minutes
// after the first: so many lines are of several hours and days.
func (c *container) wrote(n int, text string) line {
	at := time.Date(2026, 3, 30, 21, 30, 0, 123456789, time.UTC).Add(time.Duration(n) * time.Minute)
	return line{Source: codec.Stdout, TimeNano: at.UnixNano(), Text: []byte(text)}
}

func readWritten(t *testing.T, dir string) *written {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, writtenFile))
	check(t, err)
	w := &written{}
	check(t, json.Unmarshal(b, w))
	return w
}

func (w *written) named(t *testing.T, name string) *container {
	t.Helper()
	for _, c := range w.Containers {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("the fixture has no container %s", name)
	return nil
}

// row is what `coldtail logs --json` prints for a line.
type row struct {
	TimeNano   int64             `json:"time_unix_nano"`
	Seq        int64             `json:"seq"`
	Stream     string            `json:"stream"`
	Body       string            `json:"body"`
	BodyRaw    []byte            `json:"body_raw"`
	Partial    bool              `json:"partial"`
	Service    string            `json:"service_name"`
	ID         string            `json:"container_id"`
	Name       string            `json:"container_name"`
	Image      string            `json:"image_name"`
	Host       string            `json:"host_name"`
	Tag        string            `json:"tag"`
	Labels     map[string]string `json:"labels"`
	Attributes map[string]string `json:"attributes"`
}

// judge compares rows with what the container wrote: each line once, in its
// place, under its number, and between lines gaps that count exactly what is
// missing. It returns how many entries the gaps hold.
func (c *container) judge(t *testing.T, rows []row) (gone int64) {
	t.Helper()
	if len(rows) == 0 {
		t.Fatalf("container %s has no rows", c.Name)
	}
	next := cmp.Or(c.FirstSeq, rows[0].Seq)
	i := 0
	for _, r := range rows {
		if r.ID != c.ID || r.Name != c.Name || r.Service != c.Service || r.Host != c.Host {
			t.Fatalf("container %s: a row of %s, %s, %s, %s", c.Name, r.ID, r.Name, r.Service, r.Host)
		}
		if r.Seq != next {
			t.Fatalf("container %s: row %d, want %d (line %d)", c.Name, r.Seq, next, i)
		}
		if r.Stream == codec.GapSource {
			gap, err := codec.ParseGap([]byte(r.Body))
			check(t, err)
			gone += gap.Entries
			next += gap.Entries
			for n := gap.Entries; n > 0; i++ {
				n -= int64(len(c.Lines[i].entries()))
			}
			continue
		}
		if i >= len(c.Lines) {
			t.Fatalf("container %s: more rows than lines: %.80q", c.Name, r.Body)
		}
		c.judgeRow(t, &r, &c.Lines[i])
		next += int64(len(c.Lines[i].entries()))
		i++
	}
	if i != len(c.Lines) {
		t.Fatalf("container %s: rows end with line %d of %d", c.Name, i, len(c.Lines))
	}
	return gone
}

func (c *container) judgeRow(t *testing.T, r *row, want *line) {
	t.Helper()
	body := []byte(r.Body)
	if r.BodyRaw != nil {
		body = r.BodyRaw
	}
	if !bytes.Equal(body, want.Text) || r.TimeNano != want.TimeNano || r.Stream != want.Source || r.Partial != want.NoNewline {
		t.Fatalf("container %s: row %.60q at %d of %s, want %.60q at %d of %s", c.Name, body, r.TimeNano, r.Stream, want.Text, want.TimeNano, want.Source)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// containerID is a plausible one.
func containerID(n int) string { return fmt.Sprintf("%064x", 0xc01d7a11<<8|n) }
