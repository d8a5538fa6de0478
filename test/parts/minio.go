// Package parts starts the real parts that the tests run against. Nothing of
// it is linked into coldtail.
package parts

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"                 //nolint:depguard // makes buckets, which coldtail does not
	"github.com/minio/minio-go/v7/pkg/credentials" //nolint:depguard // as above
)

// minioVersion of the server, which is built from source: AGPL, so it is run
// but never linked.
const minioVersion = "v0.0.0-20260212201848-7aac2a2c5b7c"

// The credentials of every MinIO that the tests start.
const (
	MinIOAccessKey = "coldtail-test"
	MinIOSecretKey = "coldtail-test-secret"
	MinIORegion    = "us-east-1"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// MinIO is a server of one test, on a loopback port that it keeps over Stop
// and Start.
type MinIO struct {
	// Endpoint is host and port.
	Endpoint string

	binary string
	dir    string
	client *minio.Client

	mu  sync.Mutex
	cmd *exec.Cmd
	log bytes.Buffer
}

// StartMinIO starts a server with an empty folder; it ends with the test.
func StartMinIO(t testing.TB) *MinIO {
	t.Helper()
	binary, err := minioBinary()
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	m := &MinIO{Endpoint: endpoint, binary: binary, dir: t.TempDir()}
	m.client, err = minio.New(endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(MinIOAccessKey, MinIOSecretKey, ""),
		Region: MinIORegion,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Stop(t)
		if t.Failed() && m.log.Len() > 0 {
			t.Logf("minio: %s", m.log.Bytes())
		}
	})
	m.Start(t)
	return m
}

// URL is the server's address for S3 clients.
func (m *MinIO) URL() string { return "http://" + m.Endpoint }

// Start starts the server again after Stop, on the same port and folder.
func (m *MinIO) Start(t testing.TB) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil {
		return
	}
	cmd := exec.Command(m.binary, "server", "--quiet", "--address", m.Endpoint, m.dir)
	cmd.Env = append(os.Environ(),
		"MINIO_ROOT_USER="+MinIOAccessKey, "MINIO_ROOT_PASSWORD="+MinIOSecretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=on")
	cmd.Stdout, cmd.Stderr = &m.log, &m.log
	// It ends with the test process, whatever ends that.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start minio: %v", err)
	}
	m.cmd = cmd
	if err := waitReady(m.URL() + "/minio/health/ready"); err != nil {
		t.Fatalf("start minio: %v", err)
	}
}

// Stop ends the server; its folder stays.
func (m *MinIO) Stop(t testing.TB) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == nil {
		return
	}
	cmd := m.cmd
	m.cmd = nil
	_ = cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // its status says nothing
}

// CreateBucket makes a bucket and returns its name.
func (m *MinIO) CreateBucket(t testing.TB, name string) string {
	t.Helper()
	if err := m.client.MakeBucket(context.Background(), name, minio.MakeBucketOptions{Region: MinIORegion}); err != nil {
		t.Fatalf("create bucket: %v", err)
	}
	return name
}

// Client is a client with all rights.
func (m *MinIO) Client() *minio.Client { return m.client }

func waitReady(url string) error {
	client := &http.Client{Timeout: 2 * time.Second}
	var last error
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := client.Get(url)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("answers %s", resp.Status)
		}
		last = err
	}
	return fmt.Errorf("not ready after %v: %w", startTimeout, last)
}

// freePort finds a port that nobody listens on now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// minioBinary builds the server once; later runs find it in .cache/bin.
func minioBinary() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", fmt.Errorf("find the repository")
	}
	dir := filepath.Join(filepath.Dir(file), "..", "..", ".cache", "bin")
	binary := filepath.Join(dir, "minio-"+minioVersion)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Beside the others, since two test binaries may build at once.
	tmp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	cmd := exec.Command("go", "install", "-trimpath", "-ldflags", "-s -w", "github.com/minio/minio@"+minioVersion)
	cmd.Env = append(os.Environ(), "GOBIN="+tmp, "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build minio: %w: %s", err, out)
	}
	return binary, os.Rename(filepath.Join(tmp, "minio"), binary)
}
