package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/chunkfile"
	"github.com/coldtail/coldtail/readback/catalog"
)

// TestLargeMetadata: a container whose image and environment bring more than
// there is room for starts, is archived in either format, and read back exactly.
func TestLargeMetadata(t *testing.T) {
	for _, format := range codec.Formats() {
		t.Run(string(format), func(t *testing.T) {
			state := t.TempDir()
			p := startProcess(t, state, DriverConfig{}, nil)
			var log bytes.Buffer
			p.driver.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			info := testInfo()
			info.Config = map[string]string{"labels-regex": ".", "env-regex": ".", "labels": "zone", "format": string(format)}
			info.ContainerImageName = strings.Repeat("i", 1<<20)
			info.ContainerName = "/" + strings.Repeat("ö", 1<<19)
			info.ContainerLabels = map[string]string{"zone": "kept"}
			for i := range 8 {
				info.ContainerLabels[fmt.Sprint("html", i)] = strings.Repeat("<", 100_000)
			}
			for i := range 20_000 {
				info.ContainerEnv = append(info.ContainerEnv, fmt.Sprintf("VAR%d=\xff", i))
			}
			info.Config["tag"] = "{{truncate .ImageName 4000}}"
			f := fifotest.New(t)
			p.ok("/LogDriver.StartLogging", startRequest{f.Name(), info})
			p.ok("/LogDriver.StartLogging", startRequest{f.Name(), info})
			var want []string
			for i := range 1000 {
				f.Print(fmt.Sprint(i))
				want = append(want, fmt.Sprintf("stdout: %d\n", i))
			}
			p.ok("/LogDriver.StopLogging", map[string]string{"File": f.Name()})
			if _, status := p.do(http.MethodGet, "/status", ""); !strings.Contains(status, `"metadata_cut":"`) {
				t.Errorf("the status does not say what was cut: %s", status)
			}
			if status, body := p.do(http.MethodPost, "/flush?evict=true", ""); status != http.StatusOK {
				t.Fatalf("flush: %d %s", status, body)
			}
			if got := p.logs(info.ContainerID); !slices.Equal(got, want) {
				t.Errorf("got %d entries, want %d: %.300q", len(got), len(want), got)
			}
			meta := archivedMeta(t, state, info.ContainerID)
			if meta.Labels["zone"] != "kept" || !strings.Contains(meta.Labels[codec.MetaCutKey], "labels left out") && !strings.Contains(meta.Labels[codec.MetaCutKey], "values shortened") {
				t.Errorf("the labels lack what was named, or the mark: %.300q", meta.Labels)
			}
			if again, cut := meta.Bound(format); cut != (codec.Cut{}) || len(meta.Attributes) == 0 || len(again.Tag) < 900 {
				t.Errorf("cut again: %s; %d attributes, a tag of %d bytes", cut, len(meta.Attributes), len(meta.Tag))
			}
			if s := log.String(); strings.Count(s, "beyond its bounds") != 1 || !strings.Contains(s, info.ContainerID) || strings.Contains(s, "<<") {
				t.Errorf("not one line about it, without values, in the log: %.1000s", s)
			}
		})
	}
}

// archivedMeta reads what the only object of a container says of it.
func archivedMeta(t *testing.T, state, id string) codec.Meta {
	t.Helper()
	b, err := filebucket.Open(filebucket.Config{Dir: filepath.Join(state, "bucket")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := catalog.List(t.Context(), b, id)
	if err != nil || len(chunks) == 0 {
		t.Fatalf("%d objects, %v", len(chunks), err)
	}
	r, err := b.Get(t.Context(), chunks[0].Key(), bucket.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := chunkfile.ReadMeta(chunks[0].Format, bytes.NewReader(body), int64(len(body)), codec.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return meta
}

// TestAbsurdRequests: a request of what no daemon sends is answered with a
// sentence, and leaves nothing behind.
func TestAbsurdRequests(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	long := testInfo()
	long.ContainerID = strings.Repeat("a", 1<<20)
	for name, body := range map[string]startRequest{
		"a long id":   {fifotest.New(t).Name(), long},
		"a long path": {"/" + strings.Repeat("f", 1<<20), testInfo()},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := p.post("/LogDriver.StartLogging", body)
			var ans answer
			if err := json.Unmarshal([]byte(got), &ans); err != nil || !strings.Contains(ans.Err, "not what a Docker daemon sends") || len(ans.Err) > 500 {
				t.Errorf("%.300q", got)
			}
		})
	}
	if n := p.reg.Len(); n != 0 {
		t.Errorf("%d fifos are known", n)
	}
}
