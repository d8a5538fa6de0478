package plugin

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStateIsInTheMount makes the plugin's root file system in both ways, and
// looks where the state would be: in the propagated mount, and not in the file
// system itself, which an upgrade deletes.
func TestStateIsInTheMount(t *testing.T) {
	for name, makeRoot := range map[string]func(*testing.T) string{"Dockerfile": dockerfileRoot, "plugin.sh": scriptRoot} {
		t.Run(name, func(t *testing.T) {
			root := makeRoot(t)
			link := filepath.Join(root, "var", "lib", "coldtail") // the default of --state
			target, err := os.Readlink(link)
			if err != nil {
				t.Fatal(err)
			}
			if target != fifoDir && !strings.HasPrefix(target, fifoDir+"/") {
				t.Errorf("the state is in %s, want it in %s", target, fifoDir)
			}
			if fi, err := os.Stat(filepath.Join(root, fifoDir)); err != nil || !fi.IsDir() {
				t.Errorf("there is no folder to mount at: %v", err)
			}
			if fi, err := os.Stat(filepath.Join(root, "etc", "ssl", "certs", "ca-certificates.crt")); err != nil || fi.Size() == 0 {
				t.Errorf("there are no certificates: %v", err)
			}
		})
	}
}

func needCertificates(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		t.Skipf("the machine has no certificates to take along: %v", err)
	}
}

// dockerfileRoot runs the commands of the Dockerfile that fill the root file
// system, but for the build.
func dockerfileRoot(t *testing.T) string {
	needCertificates(t)
	b, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(string(b), "")
	root := filepath.Join(t.TempDir(), "rootfs")
	var commands []string
	for line := range strings.Lines(text) {
		run, ok := strings.CutPrefix(strings.TrimSpace(line), "RUN ")
		if !ok || !strings.Contains(run, "/rootfs") {
			continue
		}
		for command := range strings.SplitSeq(run, "&&") {
			if !strings.Contains(command, "go build") {
				commands = append(commands, strings.ReplaceAll(command, "/rootfs", root))
			}
		}
	}
	if out, err := exec.Command("sh", "-ec", strings.Join(commands, "\n")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return root
}

// fakeDocker has no plugin yet, and keeps what one is made of.
const fakeDocker = `#!/bin/sh
case "$1 $2" in
"plugin inspect") [ -e "$KEPT" ] || exit 1 ;;
"plugin create")
	for last; do :; done
	cp -a "$last" "$KEPT"
	;;
esac
`

// scriptRoot runs the script, in a copy of the checkout, with a docker that does
// nothing.
func scriptRoot(t *testing.T) string {
	needCertificates(t)
	checkout, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	for path, content := range map[string]string{
		"bin/coldtail": "binary", "tools/docker": fakeDocker,
		"plugin/config.json": "", "test/scripts/plugin.sh": "", "test/scripts/lib.sh": "",
	} {
		b := []byte(content)
		if original, err := os.ReadFile(filepath.Join("..", path)); content == "" && err == nil {
			b = original
		}
		to := filepath.Join(checkout, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", filepath.Join(checkout, "test", "scripts", "plugin.sh"), "coldtail:test")
	cmd.Env = []string{"PATH=" + filepath.Join(checkout, "tools") + ":" + os.Getenv("PATH"), "KEPT=" + kept, "HOME=" + checkout}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(kept, "rootfs")
}
