//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// engine is a Docker engine of a test's own, which may stop and kill it. It has
// a network namespace of its own, because its having no bridge deletes docker0;
// all of its files are in dir.
type engine struct {
	dir  string
	args []string
	cmd  *exec.Cmd
	log  *os.File
}

// startEngine starts an engine with further arguments of dockerd, and makes it the
// one that docker and make use until the test ends. It needs an image and a plugin.
func startEngine(t *testing.T, args ...string) *engine {
	t.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("needs an engine of its own, and there is no dockerd: ", err)
	}
	dir, err := os.MkdirTemp("", "coldtail-engine.") // short: sockets have at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{dir: dir}
	host := "unix://" + filepath.Join(dir, "docker.sock")
	e.args = append([]string{
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "dockerd.pid"), "--host", host, "--config-file", filepath.Join(dir, "daemon.json"),
		"--group", "root", "--bridge", "none", "--iptables=false", "--ip6tables=false",
	}, args...)
	if e.log, err = os.Create(filepath.Join(dir, "dockerd.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", host)
	t.Cleanup(func() { e.remove(t) })
	e.start(t)
	script := filepath.Join(repoRoot(), "test", "scripts", "busybox-image.sh")
	if res := run(t, patience, nil, script, image()); res.err != nil {
		t.Fatalf("make the image: %v\n%s", res.err, res.stderr)
	}
	return e
}

// start starts dockerd and waits until it answers.
func (e *engine) start(t *testing.T) {
	t.Helper()
	e.cmd = exec.Command("dockerd", e.args...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "dockerd answers", func() bool {
		return run(t, patience, nil, "docker", "version").err == nil
	})
}

// stop sends dockerd a signal and waits for its end.
func (e *engine) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := e.cmd.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	late := time.AfterFunc(patience, func() {
		t.Error("dockerd does not end")
		_ = e.cmd.Process.Kill()
	})
	defer late.Stop()
	_ = e.cmd.Wait() // how it ends does not matter
	// The kernel kills a killed dockerd's containerd. Where process 1 does not
	// reap it, the next dockerd takes it for a running one and waits for it.
	if err := os.Remove(filepath.Join(e.dir, "exec", "containerd", "containerd.pid")); err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}

// remove ends the engine with all that it started, which is nothing but dockerd
// unless the test failed, and removes its files.
func (e *engine) remove(t *testing.T) {
	e.stop(t, syscall.SIGTERM)
	if t.Failed() {
		if log, err := os.ReadFile(e.log.Name()); err == nil {
			t.Logf("the end of dockerd's log:\n%s", log[max(0, len(log)-10000):])
		}
	}
	for _, pid := range e.left(t) {
		t.Logf("killing process %d that the engine left", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Error(err)
	}
	lines := slices.Collect(strings.Lines(string(mounts)))
	slices.Reverse(lines) // the last one mounted first
	for _, line := range lines {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], e.dir+"/") {
			_ = syscall.Unmount(f[4], syscall.MNT_DETACH)
		}
	}
	if err := os.RemoveAll(e.dir); err != nil {
		t.Error(err)
	}
}

// left are the shims and the containerd that name the engine's directory.
func (e *engine) left(t *testing.T) (pids []int) {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, proc := range procs {
		args, _ := os.ReadFile(proc) // of what ends meanwhile nothing is left
		var pid int
		if strings.Contains(string(args), e.dir+"/") {
			if _, err := fmt.Sscanf(proc, "/proc/%d/", &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
