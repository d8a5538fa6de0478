package commands

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7" //nolint:depguard // looks into the bucket from outside
)

// row is a line of `coldtail logs --json`.
type row struct {
	Time          int64  `json:"time_unix_nano"`
	Seq           int64  `json:"seq"`
	Body          string `json:"body"`
	BodyRaw       []byte `json:"body_raw"`
	Partial       bool   `json:"partial"`
	ServiceName   string `json:"service_name"`
	ContainerName string `json:"container_name"`
	HostName      string `json:"host_name"`
	ContainerID   string `json:"container_id"`
}

func (r *row) bytes() string {
	if r.BodyRaw != nil {
		return string(r.BodyRaw)
	}
	return r.Body
}

func rows(t *testing.T, out string) (rs []row) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var r row
		if err := d.Decode(&r); err == io.EOF {
			return rs
		} else if err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		rs = append(rs, r)
	}
}

// prefixed is what compose would print of the rows.
func prefixed(rs []row) string {
	width := 0
	for _, r := range rs {
		width = max(width, len(r.ContainerName))
	}
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprintf(&b, "%-*s  | %s\n", width, r.ContainerName, r.bytes())
	}
	return b.String()
}

// TestLogs archives four containers that write at the same time, and compares
// what is printed of several with what each has.
func TestLogs(t *testing.T) {
	a := newArchive(t)
	type source struct{ service, name, host, format, input string }
	sources := []source{
		{"web", "web-1", "north", "parquet", ""},
		{"web", "web-2", "south", "ndjson", ""},
		{"db", "postgres", "north", "parquet", ""},
		{"odd", "ü/..\x1b[2J", "south", "parquet", ""},
	}
	for i := range sources {
		var b strings.Builder
		for n := range 200 {
			fmt.Fprintf(&b, "%s %d %s\n", sources[i].service, n, strings.Repeat("x", n*i))
		}
		b.WriteString("\xff\x00\xfe bytes\n\n" + strings.Repeat("long", 10_000) + "\nno newline at the end")
		sources[i].input = b.String()
	}
	var wg sync.WaitGroup
	for _, s := range sources {
		wg.Go(func() {
			// Two lines at a time, so that the containers' times interleave.
			lines := strings.SplitAfter(s.input, "\n")
			r, w := io.Pipe()
			go func() {
				for chunk := range slices.Chunk(lines, 2) {
					_, _ = io.WriteString(w, strings.Join(chunk, ""))
				}
				_ = w.Close()
			}()
			a.pipe(s.service, s.name, s.host, s.format, r)
		})
	}
	wg.Wait()

	each := map[string][]row{}
	for _, s := range sources {
		if got := a.ok("logs", s.name); got != s.input {
			t.Errorf("%q: %d bytes, want %d", s.name, len(got), len(s.input))
		}
		each[s.name] = rows(t, a.ok("logs", "--json", s.name))
		var b bytes.Buffer
		for i, r := range each[s.name] {
			if r.ServiceName != s.service || r.ContainerName != s.name || r.HostName != s.host || i > 0 && r.Seq <= each[s.name][i-1].Seq {
				t.Fatalf("%q: row %+v", s.name, r)
			}
			b.WriteString(r.bytes())
			if !r.Partial {
				b.WriteByte('\n')
			}
		}
		if b.String() != s.input {
			t.Errorf("%q as JSON: %d bytes, want %d", s.name, b.Len(), len(s.input))
		}
	}
	merged := func(names ...string) (all []row) {
		for _, n := range names {
			all = append(all, each[n]...)
		}
		// Equal times of containers come in the order of their ids.
		slices.SortStableFunc(all, func(x, y row) int {
			if x.Time != y.Time {
				return int(x.Time - y.Time)
			}
			return strings.Compare(x.ContainerID, y.ContainerID)
		})
		return all
	}
	for args, want := range map[string]string{
		"--service web":              prefixed(merged("web-1", "web-2")),
		"--host north":               prefixed(merged("web-1", "postgres")),
		"web-2 postgres":             prefixed(merged("web-2", "postgres")),
		"--service web --host south": prefixed(each["web-2"]),
		"--service web --service db -n 5": prefixed(func() (tail []row) {
			for _, r := range merged("web-1", "web-2", "postgres") {
				// The long line is three entries.
				if rs := each[r.ContainerName]; r.Seq > rs[len(rs)-1].Seq-5 {
					tail = append(tail, r)
				}
			}
			return tail
		}()),
		"--host north --grep 5\\d.x*$": prefixed(slices.DeleteFunc(merged("web-1", "postgres"), func(r row) bool {
			return !regexp.MustCompile(`5\d.x*$`).MatchString(r.bytes())
		})),
	} {
		if got := a.ok(append([]string{"logs"}, strings.Fields(args)...)...); got != want {
			t.Errorf("logs %s: %d bytes, want %d\n%.600s\nwant\n%.600s", args, len(got), len(want), got, want)
		}
	}
	if got := a.ok("ls", "-q", "--no-trunc", "--service", "web"); got != each["web-1"][0].ContainerID+"\n"+each["web-2"][0].ContainerID+"\n" {
		t.Errorf("ls -q: %q", got)
	}
	list := a.ok("ls")
	for _, s := range sources[:3] {
		id := each[s.name][0].ContainerID
		entries := len(each[s.name]) + 2 // the long line's
		if want := regexp.MustCompile(fmt.Sprintf(`(?m)^%s +%s +%s +%s +\S+Z +\S+Z +%d +[12] +\S+B$`, id[:12], s.name, s.service, s.host, entries)); !want.MatchString(list) {
			t.Errorf("%s is not in\n%s", want, list)
		}
	}
	if strings.Contains(list, "\x1b") {
		t.Errorf("ls prints control characters: %q", list)
	}
}

// TestCompletion lets the shell read its script.
func TestCompletion(t *testing.T) {
	a := &archive{t: t}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := a.ok("completion", shell); !strings.Contains(got, "coldtail") {
			t.Errorf("%s: %q", shell, got)
		}
	}
	// What the scripts ask.
	cmd := a.command(t.Context(), "__complete", "logs", "--no-l")
	if out, err := cmd.Output(); err != nil || !strings.HasPrefix(string(out), "--no-log-prefix\t") {
		t.Errorf("completion of --no-l: %q, %v", out, err)
	}
	cmd = exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(a.ok("completion", "bash"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("bash: %v: %s", err, out)
	}
}

// TestJSON compares `coldtail logs --json` with the archive's own rows.
func TestJSON(t *testing.T) {
	a := newArchive(t)
	input := "one\n\xff\xfe\ttwo\n\"<&>\"\n" + strings.Repeat("long", 10_000) + "\nend"
	for _, format := range []string{"ndjson", "parquet"} {
		res := a.runWith(strings.NewReader(input), "pipe", "--name", format, "--service", "s", "--host", "h", "--format", format, "--label", "team=blue", "--label", "a=")
		if res.status != 0 {
			t.Fatalf("pipe: %+v", res)
		}
	}
	var want []map[string]any
	for _, key := range a.keys() {
		if !strings.HasSuffix(key, ".json.gz") {
			continue
		}
		o, err := a.server.Client().GetObject(t.Context(), "archive", key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(o)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, objects(t, z)...)
	}
	got := objects(t, strings.NewReader(a.ok("logs", "--json", "ndjson")))
	if d := cmp.Diff(want, got); d != "" || len(got) != 5 {
		t.Errorf("%d rows: %s", len(got), d)
	}
	// The same from Parquet, but for what is this container's own.
	other := objects(t, strings.NewReader(a.ok("logs", "--json", "parquet")))
	for _, rows := range [][]map[string]any{want, other} {
		first := rows[0]["seq"].(float64)
		for _, r := range rows {
			for _, own := range []string{"time", "time_unix_nano", "container_id", "container_name"} {
				delete(r, own)
			}
			r["seq"] = r["seq"].(float64) - first
			delete(r, "parts") // of numbers too
		}
	}
	if d := cmp.Diff(want, other); d != "" {
		t.Errorf("from Parquet: %s", d)
	}
}

func objects(t *testing.T, r io.Reader) (out []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(r); ; {
		var o map[string]any
		if err := d.Decode(&o); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
}
