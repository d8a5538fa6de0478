package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
)

func testSource(path, id string) archiver.Source {
	return archiver.Source{Path: path, Options: archiver.DefaultOptions(), Meta: codec.Meta{
		ContainerID: id, ContainerName: "web", Labels: map[string]string{"a<b>": "\u2028"},
	}}
}

func openRegistry(t testing.TB, dir, boot string) *Registry {
	t.Helper()
	r, err := OpenRegistry(dir, boot, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func paths(r *Registry) []string {
	var out []string
	for _, s := range r.Sources() {
		out = append(out, s.Path)
	}
	return out
}

func add(t *testing.T, r *Registry, src archiver.Source) {
	t.Helper()
	if _, err := r.Add(src, time.Unix(1, 0).UTC()); err != nil {
		t.Fatal(err)
	}
}

func TestRegistrySurvives(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "fifos")
	r := openRegistry(t, dir, "boot")
	var want []string
	for i := range 12 {
		p := fmt.Sprintf("/run/%d/x", 11-i)
		add(t, r, testSource(p, "id"))
		want = append(want, p)
	}
	if fresh, err := r.Add(testSource(want[0], "id"), time.Time{}); fresh || err != nil {
		t.Errorf("added again: %v, %v", fresh, err)
	}
	if err := r.Remove(want[3]); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove("/never"); err != nil {
		t.Error(err)
	}
	want = slices.Delete(want, 3, 4)
	for range 2 { // as it is, and reopened
		if d := cmp.Diff(want, paths(r)); d != "" {
			t.Errorf("order: %s", d)
		}
		if d := cmp.Diff(testSource(want[1], "id"), r.Sources()[1]); d != "" {
			t.Error(d)
		}
		r = openRegistry(t, dir, "boot")
	}
	add(t, r, testSource("/later", "id"))
	if got := paths(r); got[len(got)-1] != "/later" {
		t.Errorf("order after reopening: %v", got)
	}
	fi, err := os.Stat(filepath.Join(dir, recordName("/later")))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("record: %v, %v", fi, err)
	}
}

func TestRegistryForgetsOtherBoots(t *testing.T) {
	dir := t.TempDir()
	f, file := fifotest.New(t).Name(), filepath.Join(t.TempDir(), "no fifo")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := openRegistry(t, dir, "boot1")
	add(t, r, testSource(f, "id"))
	add(t, r, testSource(file, "id"))
	if r := openRegistry(t, dir, "boot2"); r.Len() != 0 || r.Quarantined() != 0 {
		t.Errorf("%d known, %d quarantined", r.Len(), r.Quarantined())
	}
	if !gone(f) {
		t.Error("the fifo that nobody can write to is still there")
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("a file that is no fifo was removed: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

// TestRegistryDamage flips every bit and cuts at every byte of a record.
func TestRegistryDamage(t *testing.T) {
	b, err := recordJSON.Encode(record{Order: 1, BootID: "boot", Source: testSource("/a", "id")})
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	good, err := parseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if _, err := parseRecord(b[:i]); err == nil {
			t.Errorf("cut at %d: accepted", i)
		}
		for bit := range 8 {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << bit
			got, err := parseRecord(bad)
			// Keys match whatever their case.
			if err == nil && !cmp.Equal(good, got) {
				t.Errorf("bit %d of byte %d: accepted as %+v", bit, i, got)
			}
		}
	}
}

func TestRegistryQuarantines(t *testing.T) {
	dir := t.TempDir()
	r := openRegistry(t, dir, "boot")
	add(t, r, testSource("/good", "id"))
	add(t, r, testSource("/bad", "id"))
	bad := filepath.Join(dir, recordName("/bad"))
	if err := os.WriteFile(bad, []byte(`{"secret"`), 0o600); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, recordName("/good")))
	if err != nil {
		t.Fatal(err)
	}
	// A whole record under another's name.
	if err := os.WriteFile(filepath.Join(dir, recordName("/other")), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".tmp-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r, err = OpenRegistry(dir, "boot", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got := paths(r); !slices.Equal(got, []string{"/good"}) || r.Quarantined() != 2 {
		t.Errorf("%v known, %d quarantined", got, r.Quarantined())
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || strings.Contains(log.String(), "secret") {
		t.Errorf("log: %s", log.String())
	}
	if _, err := os.Stat(bad + corruptExt); err != nil {
		t.Errorf("the damaged file is not kept: %v", err)
	}
	if r := openRegistry(t, dir, "boot"); r.Len() != 1 || r.Quarantined() != 0 {
		t.Errorf("second start: %d known, %d quarantined", r.Len(), r.Quarantined())
	}
}

// FuzzParseRecord reads anything for a record of the registry. With fix, it gets
// the envelope that makes it believed. What is taken is the same when it is
// written and read again.
func FuzzParseRecord(f *testing.F) {
	rec := record{Order: 1, BootID: "boot", Source: testSource("/a", "id")}
	b, err := recordJSON.Encode(rec)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, false)
	f.Add([]byte(`{"version":1,"crc32c":0,"record":null}`), false)
	f.Add([]byte(`{"version":2,"crc32c":0,"record":{"source":{"path":"/a"}}}`), false)
	body, err := json.Marshal(rec)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body, true)
	f.Add([]byte(`{"order":-1,"source":{"path":"/a","meta":{"container_id":"c","labels":{"a":"<"}},"options":{"roll_bytes":-1}},"new":1}`), true)
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if fix {
			js, err := recordJSON.Encode(json.RawMessage(b))
			if err != nil {
				t.Skip("not JSON")
			}
			b = js
		}
		rec, err := parseRecord(b)
		if err != nil {
			return
		}
		if rec.Source.Path == "" || rec.Source.Meta.ContainerID == "" {
			t.Fatalf("accepted: %+v", rec)
		}
		first, err := recordJSON.Encode(rec)
		if err != nil {
			t.Skip("a time that JSON does not have")
		}
		again, err := parseRecord(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := recordJSON.Encode(again); err != nil || string(second) != string(first) {
			t.Fatalf("written as %s, then %s, %v", first, second, err)
		}
	})
}

// TestRegistryNewer: new fields of a record are ignored. A later version's record
// stays where it is; its FIFO is attached as far as the record is understood.
func TestRegistryNewer(t *testing.T) {
	dir := t.TempDir()
	r := openRegistry(t, dir, "boot")
	for _, p := range []string{"/field", "/newer", "/strange", "/opaque"} {
		add(t, r, testSource(p, "id"))
	}
	edit := func(path string, f func(map[string]any)) (name string, b []byte) {
		name = filepath.Join(dir, recordName(path))
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var env struct {
			Version int             `json:"version"`
			CRC32C  uint32          `json:"crc32c"`
			Record  json.RawMessage `json:"record"`
			More    int             `json:"more"`
		}
		rec := map[string]any{}
		if err := errors.Join(json.Unmarshal(b, &env), json.Unmarshal(env.Record, &rec)); err != nil {
			t.Fatal(err)
		}
		f(rec)
		env.Record, _ = json.Marshal(rec)
		env.CRC32C = crc32.Checksum(env.Record, crc32.MakeTable(crc32.Castagnoli))
		env.Version, env.More = 1, 5
		if v, ok := rec["v"].(int); ok {
			env.Version, env.CRC32C = v, 0
		}
		b, _ = json.Marshal(env)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name, b
	}
	kept := map[string][]byte{}
	edit("/field", func(rec map[string]any) { rec["future"] = []int{1} })
	for path, f := range map[string]func(map[string]any){
		"/newer": func(rec map[string]any) { rec["v"] = 2 },
		"/strange": func(rec map[string]any) {
			rec["v"] = 2
			rec["source"].(map[string]any)["options"] = map[string]any{"overflow": "ask"}
		},
		"/opaque": func(rec map[string]any) { rec["v"] = 2; rec["source"] = "v2:abc" },
	} {
		name, b := edit(path, f)
		kept[name] = b
	}
	var log bytes.Buffer
	r, err := OpenRegistry(dir, "boot", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(slices.Values(paths(r))); !slices.Equal(got, []string{"/field", "/newer", "/strange"}) || r.Quarantined() != 1 {
		t.Errorf("%v known, %d not understood", got, r.Quarantined())
	}
	for _, src := range r.Sources() {
		if err := src.Options.Validate(); err != nil {
			t.Errorf("%s: %v", src.Path, err)
		}
	}
	if strings.Count(log.String(), "upgrade") < 3 || strings.Contains(log.String(), "set aside") {
		t.Errorf("log: %s", &log)
	}
	openRegistry(t, dir, "another boot") // removes those of other boots
	for name, b := range kept {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, b) {
			t.Errorf("a later version's record is now %q, %v", got, err)
		}
	}
}
