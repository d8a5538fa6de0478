package release1

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/plugin"
)

var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "r1-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "coldtail")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/coldtail")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build coldtail: %v: %s", err, out)
		return 1
	}
	return m.Run()
}

func thisBoot(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	check(t, err)
	return strings.TrimSpace(string(b))
}

var (
	bootPattern  = regexp.MustCompile(`"boot_id":"[^"]*"`)
	statePattern = regexp.MustCompile(`^(\{.*),"crc32c":\d+\}\n$`)
	fifoPattern  = regexp.MustCompile(`^\{"version":1,"crc32c":\d+,"record":(\{.*\})\}\n$`)
)

// sameBoot makes a state one that was left by a process of this boot of the
// kernel. It is all that is changed of what the first release wrote.
func sameBoot(t *testing.T, dir string) {
	t.Helper()
	boot := []byte(`"boot_id":"` + thisBoot(t) + `"`)
	sum := func(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
	change := func(path string, pattern *regexp.Regexp, format func(body []byte) []byte) {
		b, err := os.ReadFile(path)
		check(t, err)
		m := pattern.FindSubmatch(b)
		if m == nil {
			t.Fatalf("%s is not what the first release writes: %s", path, b)
		}
		check(t, os.WriteFile(path, format(bootPattern.ReplaceAllLiteral(m[1], boot)), 0o600))
	}
	for _, name := range []string{"state.json", "state-copy.json"} {
		change(filepath.Join(dir, "state", name), statePattern, func(body []byte) []byte {
			return fmt.Appendf(nil, "%s,\"crc32c\":%d}\n", body, sum(append(bytes.Clone(body), '}')))
		})
	}
	records, err := filepath.Glob(filepath.Join(dir, "state", "fifos", "*.json"))
	check(t, err)
	for _, path := range records {
		change(path, fifoPattern, func(body []byte) []byte {
			return fmt.Appendf(nil, "{\"version\":1,\"crc32c\":%d,\"record\":%s}\n", sum(body), body)
		})
	}
}

// today is today's coldtail in a fixture's folder.
func today(t *testing.T, dir string) *program {
	return &program{t: t, binary: binary, dir: dir, bucket: folder(dir)}
}

// TestUpgrade goes on where the first release was killed: with a cache, a
// backlog, gaps, and FIFOs of containers that write. Nothing is lost, numbers go
// on, and options and identity are what they were.
func TestUpgrade(t *testing.T) {
	dir := Unpack(t, "plugin.tar.gz")
	sameBoot(t, dir)
	w := readWritten(t, dir)
	judgeRegistry(t, dir, w)
	for _, c := range w.Containers {
		if c.Running {
			c.open(t, dir)
		}
	}
	p := today(t, dir)
	p.bucket = nowhere
	d := p.plugin()
	judgeState(t, d, w)
	for _, c := range w.Containers {
		if !c.Running {
			continue
		}
		if n := d.stream(c).FIFOs; n != 1 {
			t.Fatalf("%d FIFOs of container %s are attached", n, c.Name)
		}
		c.fifo.Send(c.Torn)
		if !c.Drops { // its spool is full
			speak(t, c, 12)
		}
	}
	d.settle(w)
	for _, c := range w.Containers {
		d.judgeLogs(c)
	}
	d.kill()

	p.bucket = folder(dir)
	d = p.plugin()
	for _, c := range w.Containers {
		if c.Running {
			speak(t, c, 3)
			d.stop(c)
		}
		d.judgeLogs(c)
	}
	judgeArchived(t, d, w)
	quiet := p.rows("quiet")[0]
	if quiet.Tag != "quiet-tag" || quiet.Labels["team"] != "red" || quiet.Host != host {
		t.Errorf("a container that had written nothing has tag %q, labels %v, host %q", quiet.Tag, quiet.Labels, quiet.Host)
	}
}

// TestUpgradeAfterReboot is TestUpgrade where the machine went down meanwhile:
// containers have ended, and with them what was in their FIFOs.
func TestUpgradeAfterReboot(t *testing.T) {
	dir := Unpack(t, "plugin.tar.gz")
	w := readWritten(t, dir)
	for _, c := range w.Containers {
		if c.Torn != nil {
			c.Lines = c.Lines[:len(c.Lines)-1]
		}
	}
	p := today(t, dir)
	p.bucket = nowhere
	d := p.plugin()
	judgeState(t, d, w)
	d.settle(w)
	for _, c := range w.Containers {
		if n := d.stream(c).FIFOs; n != 0 {
			t.Fatalf("%d FIFOs of container %s are attached", n, c.Name)
		}
		d.judgeLogs(c)
	}
	d.kill()
	p.bucket = folder(dir)
	judgeArchived(t, p.plugin(), w)
}

// TestUpgradeReserved: the first release was killed when a gap had its numbers,
// but no file.
func TestUpgradeReserved(t *testing.T) {
	for _, rebooted := range []bool{false, true} {
		t.Run(fmt.Sprintf("rebooted %v", rebooted), func(t *testing.T) {
			dir := Unpack(t, "reserved.tar.gz")
			w := readWritten(t, dir)
			c := w.named(t, "newest")
			if !rebooted {
				sameBoot(t, dir)
				c.open(t, dir)
			}
			d := today(t, dir).plugin()
			if !rebooted {
				d.stop(c)
			}
			d.flush()
			rows := d.rows("newest")
			// What had not been read when it was killed is not known to anybody.
			read := int64(0)
			for _, r := range rows {
				if gap, err := codec.ParseGap([]byte(r.Body)); err == nil {
					read += gap.Entries
				} else {
					read++
				}
			}
			wrote := int64(len(c.Lines))
			c.Lines = c.Lines[:min(read, wrote)]
			gone := c.judge(t, rows)
			if gone == 0 || read < 200 || read > wrote {
				t.Errorf("gaps of %d entries, %d entries in all, %d were written", gone, read, wrote)
			}
		})
	}
}

// judgeRegistry compares the options of running containers, which are in the
// registry alone.
func judgeRegistry(t *testing.T, dir string, w *written) {
	t.Helper()
	r, err := plugin.OpenRegistry(filepath.Join(dir, "state", "fifos"), thisBoot(t), slog.New(slog.DiscardHandler))
	check(t, err)
	want := map[string]archiver.Options{}
	running := 0
	for _, c := range w.Containers {
		if c.Running {
			running++
			opts, err := plugin.ParseOptions(c.Opts, nil)
			check(t, err)
			want[c.ID] = opts.Stream
		}
	}
	srcs := r.Sources()
	if len(srcs) != running || running == 0 {
		t.Fatalf("%d FIFOs in the registry, want %d", len(srcs), running)
	}
	for _, src := range srcs {
		if d := cmp.Diff(want[src.Meta.ContainerID], src.Options); d != "" {
			t.Errorf("container %s: %s", src.Meta.ContainerName, d)
		}
	}
}

// judgeState compares what identifies a state, and its numbers.
func judgeState(t *testing.T, d *daemon, w *written) {
	t.Helper()
	if got := d.status().SpoolID; got != w.SpoolID {
		t.Fatalf("spool id %s, want %s", got, w.SpoolID)
	}
	for _, c := range w.Containers {
		if c.LastSeq == 0 {
			continue
		}
		d.wait("container "+c.Name+" to be recovered", func() bool { return d.stream(c).LastSeq >= c.LastSeq })
		if got := d.stream(c).LastSeq; got != c.LastSeq && !c.Drops { // a gap that grew has its numbers now
			t.Errorf("container %s: the last number is %d, want %d", c.Name, got, c.LastSeq)
		}
	}
}

// settle waits until all that was written is in the spool, or counted.
func (d *daemon) settle(w *written) {
	d.t.Helper()
	for _, c := range w.Containers {
		if c.FirstSeq == 0 || c.Drops {
			continue
		}
		want := c.FirstSeq + c.entries() - 1
		d.wait("container "+c.Name+"'s FIFO to be read", func() bool { return d.stream(c).LastSeq >= want })
	}
	for _, c := range w.Containers {
		if !c.Drops && len(c.Lines) > 0 {
			d.wait("container "+c.Name+"'s log", func() bool { return int64(len(d.logs(c, -1))) >= c.entries() })
		}
	}
}

// judgeArchived archives everything and compares the archive, and `docker logs`
// from it, with what was written.
func judgeArchived(t *testing.T, d *daemon, w *written) {
	t.Helper()
	d.flush()
	for _, c := range w.Containers {
		if len(c.Lines) == 0 {
			continue
		}
		d.judgeLogs(c)
		rows := d.rows(c.Name)
		if gone := c.judge(t, rows); (gone > 0) != c.Drops {
			t.Errorf("container %s: %d entries were dropped", c.Name, gone)
		}
		format := codec.Parquet
		if f := c.Opts["format"]; f != "" {
			format = codec.Format(f)
		}
		other, err := filepath.Glob(filepath.Join(d.dir, "bucket", "*", "dt=*", "hour=*", c.ID+"-*"))
		check(t, err)
		for _, path := range other {
			if !strings.HasPrefix(path, filepath.Join(d.dir, "bucket", string(format))) {
				t.Errorf("container %s is archived as %s", c.Name, path)
			}
		}
	}
	d.ok("verify")
	d.end()
	check(t, filepath.WalkDir(filepath.Join(d.dir, "state"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && (e.Name() == "quarantine" || strings.HasSuffix(path, ".corrupt")) {
			t.Errorf("%s was put aside", path)
		}
		return err
	}))
}

// TestUpgradePipe goes on with what `coldtail pipe` left.
func TestUpgradePipe(t *testing.T) {
	dir := Unpack(t, "pipe.tar.gz")
	p := today(t, dir)
	before := spoolIDs(t, dir)
	if len(before) != 2 {
		t.Fatalf("the fixture has states %v", before)
	}
	for _, format := range codec.Formats() {
		args := pipeArgs(string(format))
		res := p.run(strings.NewReader("and a third\n"), args[:len(args)-2]...)
		if res.status != 0 {
			t.Fatalf("pipe: status %d: %s", res.status, res.stderr)
		}
		var want strings.Builder
		for i := range pipeLines {
			want.WriteString(pipeLine(format, i))
		}
		fmt.Fprintf(&want, "%s of the second run\nand a third\n", format)
		name := "import-" + string(format)
		if got := p.ok("logs", name); got != want.String() {
			t.Errorf("%s: %d bytes, want %d: %s", format, len(got), want.Len(), cmp.Diff(want.String(), got))
		}
		rows := p.rows(name)
		for i, r := range rows {
			if r.Seq != rows[0].Seq+int64(i) || r.Labels["team"] != "blue" || r.Host != "host-b" || r.Service != "imports" {
				t.Fatalf("row %d is %+v", i, r)
			}
		}
	}
	if d := cmp.Diff(before, spoolIDs(t, dir)); d != "" {
		t.Errorf("spool ids: %s", d)
	}
	objects, err := filepath.Glob(filepath.Join(dir, "bucket", "*", "dt=*", "hour=*", "*"))
	check(t, err)
	for _, path := range objects {
		if id := strings.Split(filepath.Base(path), "-")[1]; !slices.Contains(before, id) {
			t.Errorf("%s has another spool id than %v", filepath.Base(path), before)
		}
	}
	p.ok("verify")
}

var spoolIDPattern = regexp.MustCompile(`"spool_id":"(\w+)"`)

// spoolIDs are those of the states that `coldtail pipe` has.
func spoolIDs(t *testing.T, dir string) (ids []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "state", "pipes", "*", "state.json"))
	check(t, err)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		check(t, err)
		ids = append(ids, string(spoolIDPattern.FindSubmatch(b)[1]))
	}
	return ids
}
