package parts

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"                 //nolint:depguard // makes buckets, which coldtail does not
	"github.com/minio/minio-go/v7/pkg/credentials" //nolint:depguard // as above
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// server is an S3 server of one test, on a loopback port that it keeps over
// Stop and Start.
type server struct {
	// Endpoint is host and port.
	Endpoint string

	name   string
	argv   []string
	env    []string
	health string // path that is answered with 200 when it is ready
	// notYet is its error code for a PUT into a bucket that does not exist while it
	// is not ready, whatever health says; empty: health tells.
	notYet string
	tls    *Authority
	client *minio.Client

	mu  sync.Mutex
	cmd *exec.Cmd
	log bytes.Buffer
}

// run starts the server for the first time; it ends with the test.
func (s *server) run(t testing.TB, accessKey, secretKey string) {
	t.Helper()
	var err error
	s.client, err = minio.New(s.Endpoint, &minio.Options{
		Creds:     credentials.NewStaticV4(accessKey, secretKey, ""),
		Region:    MinIORegion,
		Secure:    s.tls != nil,
		Transport: s.transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() && s.log.Len() > 0 {
			t.Logf("%s: %s", s.name, s.log.Bytes())
		}
	})
	s.Start(t)
}

// URL is the server's address for S3 clients.
func (s *server) URL() string {
	if s.tls != nil {
		return "https://" + s.Endpoint
	}
	return "http://" + s.Endpoint
}

// Start starts the server again after Stop, on the same port and folder.
func (s *server) Start(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return
	}
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Env = append(withoutServerSettings(os.Environ()), s.env...)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	// It ends with the test process, whatever ends that.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", s.name, err)
	}
	s.cmd = cmd
	if err := s.waitReady(); err != nil {
		t.Fatalf("start %s: %v", s.name, err)
	}
}

// Stop ends the server; its folder stays.
func (s *server) Stop(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	cmd := s.cmd
	s.cmd = nil
	_ = cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // its status says nothing
}

// CreateBucket makes a bucket and returns its name.
func (s *server) CreateBucket(t testing.TB, name string) string {
	t.Helper()
	if err := s.client.MakeBucket(context.Background(), name, minio.MakeBucketOptions{Region: MinIORegion}); err != nil {
		t.Fatalf("create bucket: %v", err)
	}
	return name
}

// Client is a client with all rights.
func (s *server) Client() *minio.Client { return s.client }

func (s *server) transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if s.tls != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: s.tls.Pool}
	}
	return t
}

func (s *server) waitReady() error {
	transport := s.transport()
	defer transport.CloseIdleConnections()
	client := &http.Client{Timeout: 2 * time.Second, Transport: transport}
	var last error
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := client.Get(s.URL() + s.health)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				if err = s.knowsBuckets(); err == nil {
					return nil
				}
			} else {
				err = fmt.Errorf("answers %s", resp.Status)
			}
		}
		last = err
	}
	return fmt.Errorf("not ready after %v: %w", startTimeout, last)
}

// knowsBuckets asks for what the health check does not tell: MinIO reads what it
// knows of buckets after that, and until then takes one that is missing for one
// that it has not read.
func (s *server) knowsBuckets() error {
	if s.notYet == "" {
		return nil
	}
	_, err := s.client.PutObject(context.Background(), "there-is-none", "k", strings.NewReader("x"), 1, minio.PutObjectOptions{})
	if minio.ToErrorResponse(err).Code == s.notYet {
		return err
	}
	return nil
}

// withoutServerSettings drops what is set for coldtail, such as MINIO_ACCESS_KEY,
// which a server would take for its own.
func withoutServerSettings(environ []string) []string {
	var kept []string
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "MINIO_") && !strings.HasPrefix(kv, "VGW_") && !strings.HasPrefix(kv, "AWS_") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// FreePort returns a loopback address on which a test may listen, and stop and
// listen again, until it ends. The kernel gives its port to nobody else: of those
// that it hands out, 32768 and up, one may be a client's while nobody listens,
// even that of a client which so connects to itself. No other test takes it:
// a socket of that name is held, which is gone with the process.
func FreePort(t testing.TB) string {
	t.Helper()
	const first, end = 10_000, 32_768
	for range 1000 {
		port := first + rand.IntN(end-first)
		held, err := net.Listen("unix", fmt.Sprintf("@coldtail-test-port-%d", port))
		if err != nil {
			continue
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			_ = held.Close()
			continue
		}
		_ = l.Close()
		t.Cleanup(func() { _ = held.Close() })
		return addr
	}
	t.Fatal("no free port was found")
	return ""
}
