package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/cmd/coldtail/probe"
)

// TestDoctorEarlierBucket: a folder with a bound removes objects by itself, but
// not all that there are.
func TestDoctorEarlierBucket(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, noEngine)
	state, first := filepath.Join(h.dir, "state"), "file://"+h.dir+"/first"
	for _, name := range []string{"web", "db"} {
		h.pipe(name, "one\ntwo\n", "--state", state, "--bucket", first)
	}
	if err := os.CopyFS(h.dir+"/half", os.DirFS(h.dir+"/first")); err != nil {
		t.Fatal(err)
	}
	objects, err := filepath.Glob(h.dir + "/half/parquet/*/*/*.parquet")
	if err != nil || len(objects) != 2 {
		t.Fatalf("%q, %v", objects, err)
	}
	if err := os.Remove(objects[0]); err != nil {
		t.Fatal(err)
	}
	for bucket, want := range map[string]probe.Status{
		first: probe.OK, first + "?max-size=1g": probe.OK,
		"file://" + h.dir + "/half": probe.Warn, "file://" + h.dir + "/half?max-size=1g": probe.OK,
		"file://" + h.dir + "/other": probe.Warn, "file://" + h.dir + "/other?max-size=1g": probe.Warn,
	} {
		_, out := h.doctor("--state", state, "--bucket", bucket)
		if got := out.of("earlier bucket"); got.Status != want || (got.Remedy != "") != (want == probe.Warn) {
			t.Errorf("%s: %+v", bucket, got)
		}
	}
}

// TestDoctorHidesFile keeps what is in the credentials file out of the output,
// wherever it comes from.
func TestDoctorHidesFile(t *testing.T) {
	h := newHome(t)
	file := filepath.Join(h.dir, "credentials")
	if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = sesame-open\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, noEngine, "COLDTAIL_CREDENTIALS_FILE="+file)
	res, out := h.doctor("--state", filepath.Join(h.dir, "state"), "--bucket", "s3://logs/sesame-open?region=eu-west-1&endpoint=http://127.0.0.1:1")
	if got := out.of("bucket"); got.Status != probe.OK || !strings.Contains(got.Detail, "s3://logs/***?") || strings.Contains(res.stdout+res.stderr, "sesame") {
		t.Errorf("%+v", res)
	}
}

// TestDoctorStateInMemory warns of what a reboot takes.
func TestDoctorStateInMemory(t *testing.T) {
	const shm = "/dev/shm"
	var st unix.Statfs_t
	if err := unix.Statfs(shm, &st); err != nil || uint32(st.Type) != unix.TMPFS_MAGIC {
		t.Skipf("skipped: %s is no tmpfs (%v)", shm, err)
	}
	if got := placed(shm, shm, nil); got.Status != probe.Warn || !strings.Contains(got.Detail, "in memory") || got.Remedy == "" {
		t.Errorf("%+v", got)
	}
	if got := placed(t.TempDir(), shm, os.ErrPermission); got.Status != probe.Skip {
		t.Errorf("%+v", got)
	}
}
