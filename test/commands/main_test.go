// Package commands runs the built coldtail as people do: `coldtail pipe` archives
// to a real MinIO server, `coldtail logs` and `coldtail ls` read from it.
package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7" //nolint:depguard // looks into the bucket from outside

	"github.com/coldtail/coldtail/test/parts"
)

// patience bounds every wait for something that has to happen.
const patience = time.Minute

var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "commands-")
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

// archive is a bucket of a MinIO server.
type archive struct {
	t      *testing.T
	server *parts.MinIO
	home   string
	url    string
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	server := parts.StartMinIO(t)
	name := server.CreateBucket(t, "archive")
	return &archive{
		t: t, server: server, home: t.TempDir(),
		url: fmt.Sprintf("s3://%s/logs?endpoint=%s&region=%s&path-style=true", name, server.URL(), parts.MinIORegion),
	}
}

// command is coldtail with the archive as its bucket.
func (a *archive) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{
		"HOME=" + a.home, "PATH=/usr/bin:/bin", "COLDTAIL_BUCKET=" + a.url, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + parts.MinIOAccessKey, "AWS_SECRET_ACCESS_KEY=" + parts.MinIOSecretKey,
	}
	return cmd
}

// result is what a command printed, and its exit status.
type result struct {
	stdout, stderr string
	status         int
}

func (a *archive) run(args ...string) result {
	a.t.Helper()
	return a.runWith(nil, args...)
}

func (a *archive) runWith(stdin io.Reader, args ...string) result {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 2*patience)
	defer cancel()
	cmd := a.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		a.t.Fatalf("%v: %v", args, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// ok returns what a command printed that went well.
func (a *archive) ok(args ...string) string {
	a.t.Helper()
	res := a.run(args...)
	if res.status != 0 || res.stderr != "" {
		a.t.Fatalf("%v: status %d: %s", args, res.status, res.stderr)
	}
	return res.stdout
}

// pipe archives an input as a container's log.
func (a *archive) pipe(service, name, host, format string, input io.Reader) {
	a.t.Helper()
	res := a.runWith(input, "pipe", "--service", service, "--name", name, "--host", host, "--format", format)
	if res.status != 0 || res.stderr != "" {
		a.t.Errorf("pipe %s: status %d: %s", name, res.status, res.stderr)
	}
}

// keys are the objects in the bucket.
func (a *archive) keys() (keys []string) {
	a.t.Helper()
	for o := range a.server.Client().ListObjects(a.t.Context(), "archive", minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			a.t.Fatal(o.Err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// spoil replaces an object by something else.
func (a *archive) spoil(key string) {
	a.t.Helper()
	const text = "this is no archive"
	_, err := a.server.Client().PutObject(a.t.Context(), "archive", key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{})
	if err != nil {
		a.t.Fatal(err)
	}
}
