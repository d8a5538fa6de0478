//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// folderBucket is a folder in the plugin's state, seen from inside the plugin.
const folderBucket = "file:///var/lib/coldtail/bucket"

// shared is the plugin that most tests use; tests that disturb theirs make one
// of their own.
var shared *plugin

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	if image() == "" {
		return 1, errors.New("COLDTAIL_E2E_IMAGE is not set: run make e2e")
	}
	if os.Geteuid() != 0 {
		return 1, errors.New("the plugin's socket and state are root's: run make e2e as root")
	}
	shared, err = newPlugin("coldtail:e2e", "COLDTAIL_BUCKET="+folderBucket)
	if err != nil {
		return 1, err
	}
	code = m.Run()
	return code, shared.remove()
}

func image() string { return os.Getenv("COLDTAIL_E2E_IMAGE") }

// repoRoot is the checkout: tests run in test/e2e.
func repoRoot() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// binary is the command line tool that `make plugin` built on its way.
func binary() string { return filepath.Join(repoRoot(), "bin", "coldtail") }

// plugin is a managed plugin of the engine.
type plugin struct {
	name   string
	socket string // on the host
	state  string // its propagated mount, on the host
}

// newPlugin makes and enables the plugin name by `make plugin`, with env added to
// the environment.
func newPlugin(name string, env ...string) (*plugin, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // it is built, too
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", "-C", repoRoot(), "--no-print-directory", "plugin", "PLUGIN="+name)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make plugin: %w\n%s", err, out)
	}
	p := &plugin{name: name}
	if err := p.locate(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// locate finds the plugin's socket and state on the host.
func (p *plugin) locate(ctx context.Context) error {
	id, err := dockerLine(ctx, "plugin", "inspect", "--format", "{{.Id}}", p.name)
	if err != nil {
		return err
	}
	root, err := dockerLine(ctx, "info", "--format", "{{.DockerRootDir}}")
	if err != nil {
		return err
	}
	p.socket = fmt.Sprintf("/run/docker/plugins/%s/coldtail.sock", id)
	p.state = filepath.Join(root, "plugins", id, "propagated-mount")
	for _, path := range []string{p.socket, p.state} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("find the plugin's parts: %w", err)
		}
	}
	return nil
}

func (p *plugin) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := dockerLine(ctx, "plugin", "rm", "-f", p.name)
	return err
}

// privatePlugin makes a plugin that is t's alone.
func privatePlugin(t testing.TB, name string, env ...string) *plugin {
	t.Helper()
	p, err := newPlugin(name, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.remove(); err != nil {
			t.Errorf("remove plugin %s: %v", name, err)
		}
	})
	return p
}

// flush runs `coldtail flush` against the plugin.
func (p *plugin) flush(t testing.TB, args ...string) {
	t.Helper()
	if res := p.tryFlush(t, args...); res.err != nil {
		t.Fatalf("coldtail flush: %v\n%s%s", res.err, res.stdout, res.stderr)
	}
}

func (p *plugin) tryFlush(t testing.TB, args ...string) result {
	t.Helper()
	args = append([]string{"flush", "--socket", p.socket}, args...)
	return run(t, 2*time.Minute, nil, binary(), args...)
}

// segments lists the container's local segment files.
func (p *plugin) segments(t testing.TB, id string) []string {
	t.Helper()
	var found []string
	for _, ext := range []string{"active", "sealed", "archived"} {
		names, err := filepath.Glob(filepath.Join(p.state, "spool", id, "*."+ext))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	return found
}

// objects lists the container's Parquet files in the folder bucket.
func (p *plugin) objects(t testing.TB, id string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.state, "bucket", "parquet", "dt=*", "hour=*", id+"-*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
