//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

const (
	stateDir     = "/var/lib/coldtail" // inside of the plugin
	addedSetting = "COLDTAIL_LOG_LEVEL"
)

// TestUpgraded upgrades the plugin as its users do, from a registry: first from
// the former layout, whose FIFOs were in the root file system, with all containers
// stopped, then twice while containers write.
func TestUpgraded(t *testing.T) {
	r := startRegistry(t)
	former, second, third := r.push(t, "former"), r.push(t, "second"), r.push(t, "third")
	p := install(t, "coldtail:e2e-upgraded", former)

	ref := runToEnd(t, "json-file", nil, `seq 1 5000`)
	archived := runToEnd(t, p.name, nil, `seq 1 5000`)
	p.flush(t, "--evict")
	spooled := runToEnd(t, p.name, nil, `seq 1 5000`)
	p.upgrade(t, second, "second")
	settings := docker(t, "plugin", "inspect", "--format", "{{.Settings.Env}}", p.name)
	if !strings.Contains(settings, "COLDTAIL_BUCKET="+folderBucket) || strings.Contains(settings, addedSetting) {
		t.Errorf("the settings were not kept as they were: %s", settings)
	}
	compare(t, ref, archived, everyView)
	compare(t, ref, spooled, everyView)
	docker(t, "start", ref, archived)
	wait(t, ref, archived)
	compare(t, ref, archived, everyView)

	ids := startEndless(t, p.name)
	time.Sleep(2 * time.Second) // of load
	p.upgrade(t, third, "third", addedSetting+"=debug")
	goesOn(t, ids[0])
	time.Sleep(2 * time.Second) // of load
	p.upgrade(t, second, "second")
	goesOn(t, ids[0])
	checkEndless(t, p, ids)
}

// upgrade upgrades the plugin and changes settings, for which it has to be disabled.
func (p *plugin) upgrade(t *testing.T, remote, version string, set ...string) {
	t.Helper()
	docker(t, "plugin", "disable", "-f", p.name)
	docker(t, "plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", p.name, remote)
	for _, setting := range set {
		docker(t, "plugin", "set", p.name, setting)
	}
	p.enable(t)
	got, err := os.ReadFile(filepath.Join(p.rootfs(), "version"))
	if err != nil || string(got) != version {
		t.Fatalf("the plugin's file system is that of %q: %v", got, err)
	}
}

// versions is a registry with versions of the plugin.
type versions struct{ repository string }

// startRegistry starts a registry on loopback, which engines trust without TLS.
func startRegistry(t *testing.T) *versions {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return &versions{strings.TrimPrefix(server.URL, "http://") + "/coldtail"}
}

// push makes a version of the plugin, told from others by a file in its root file
// system, and returns its name in the registry.
func (r *versions) push(t *testing.T, version string) (remote string) {
	t.Helper()
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	if res := run(t, patience, nil, "cp", "-a", shared.rootfs(), rootfs); res.err != nil {
		t.Fatalf("copy the plugin's file system: %v\n%s", res.err, res.stderr)
	}
	config, err := os.ReadFile(filepath.Join(repoRoot(), "plugin", "config.json"))
	if err == nil && version == "former" {
		config, err = formerLayout(rootfs, config)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(rootfs, "version"), []byte(version), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	remote = r.repository + ":" + version
	docker(t, "plugin", "create", remote, dir)
	docker(t, "plugin", "push", remote)
	docker(t, "plugin", "rm", remote)
	return remote
}

// formerLayout makes the propagated mount the state directory, without the FIFOs,
// as it was at first, and takes a setting away, so that the upgrade adds one.
func formerLayout(rootfs string, config []byte) ([]byte, error) {
	var fields map[string]any
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, err
	}
	fields["propagatedMount"] = stateDir
	fields["env"] = slices.DeleteFunc(fields["env"].([]any), func(e any) bool {
		return e.(map[string]any)["name"] == addedSetting
	})
	state := filepath.Join(rootfs, stateDir)
	if err := os.Remove(state); err != nil { // the link
		return nil, err
	}
	if err := os.Mkdir(state, 0o700); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// install installs a plugin from a registry, until the test ends.
func install(t *testing.T, name, remote string) *plugin {
	t.Helper()
	docker(t, "plugin", "install", "--grant-all-permissions", "--alias", name, remote, "COLDTAIL_BUCKET="+folderBucket)
	p := &plugin{name: name}
	t.Cleanup(func() {
		if err := p.remove(); err != nil {
			t.Errorf("remove plugin %s: %v", name, err)
		}
	})
	if err := p.locate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}
