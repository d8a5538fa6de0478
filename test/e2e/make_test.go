//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMadeAgain makes a plugin anew while it has a backlog and the bucket is away,
// while containers write, and while its own folder is the archive: all of it stays.
// No secret is in an argument of docker's.
func TestMadeAgain(t *testing.T) {
	const canary = "canary-in-an-argument"
	said := spyOnDocker(t)
	p := privatePlugin(t, "coldtail:e2e-made", "COLDTAIL_BUCKET=minio://127.0.0.1:1/logs?tls=false", "MINIO_ACCESS_KEY=key", "MINIO_SECRET_KEY="+canary)
	if got := docker(t, "plugin", "inspect", "--format", "{{.Settings.Env}}", p.name); !strings.Contains(got, "MINIO_SECRET_KEY="+canary) {
		t.Fatalf("the settings did not arrive: %s", strings.ReplaceAll(got, canary, "…"))
	}
	ref := runToEnd(t, "json-file", nil, `seq 1 5000`)
	spooled := runToEnd(t, p.name, nil, `seq 1 5000`)
	ids := startEndless(t, p.name)
	if len(p.segments(t, spooled)) == 0 {
		t.Error("there is no backlog")
	}

	p.again(t)
	compare(t, ref, spooled, everyView)
	goesOn(t, ids[0])

	p.again(t, "COLDTAIL_BUCKET="+folderBucket)
	p.flush(t, "--evict")
	compare(t, ref, spooled, everyView)
	goesOn(t, ids[0])

	p.again(t) // with the archive in its state
	compare(t, ref, spooled, everyView)
	checkEndless(t, p, ids)

	args, err := os.ReadFile(said)
	if err != nil || !bytes.Contains(args, []byte("plugin enable")) {
		t.Fatalf("docker was not looked at: %v", err)
	}
	if bytes.Contains(args, []byte(canary)) {
		t.Error("a secret is in an argument of docker's")
	}
}

// again makes the plugin anew, as its user does after a change.
func (p *plugin) again(t *testing.T, env ...string) {
	t.Helper()
	before := *p
	made, err := newPlugin(p.name, env...)
	if err != nil {
		t.Fatal(err)
	}
	if *made != before {
		t.Errorf("it is another plugin: %+v, was %+v", *made, before)
	}
}

// spyOnDocker puts a docker first in the PATH that notes its arguments in the file
// that it returns.
func spyOnDocker(t *testing.T) string {
	t.Helper()
	real, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	said := filepath.Join(dir, "said")
	script := "#!/bin/sh\necho \"$*\" >>" + said + "\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return said
}
