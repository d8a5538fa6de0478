package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
)

// TestTooManyRequests: what goes on without an asker is bounded, and those beyond
// that are answered at once.
func TestTooManyRequests(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	const most = 2
	hung := make(chan struct{})
	var going sync.WaitGroup
	going.Add(most)
	p.handler.handle("/test.hang", time.Millisecond, most, func(context.Context, *http.Request, []byte) (any, error) {
		defer going.Done()
		<-hung
		return answer{}, nil
	})
	var asked sync.WaitGroup
	for range most {
		asked.Go(func() {
			if _, body := p.post("/test.hang", ""); !strings.Contains(body, "could not answer in time") {
				t.Errorf("a hung request: %s", body)
			}
		})
	}
	asked.Wait()
	for range 10 {
		if status, body := p.post("/test.hang", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "too many requests") {
			t.Errorf("beyond the bound: %d %s", status, body)
		}
	}
	p.ok("/LogDriver.StopLogging", "") // others are answered
	close(hung)
	going.Wait()
}

// TestBodiesAreBounded: what many send at once has a bound, and is given back.
func TestBodiesAreBounded(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, dir, DriverConfig{}, nil)
	f := fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), testInfo()})
	var conns []net.Conn
	// As many as there is room for say that they send much, and hold still.
	for range bodiesMaxBytes / bodyMaxBytes {
		conn, err := net.Dial("unix", filepath.Join(dir, "s.sock"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conns = append(conns, conn)
		if _, err := fmt.Fprintf(conn, "POST /status HTTP/1.1\r\nHost: p\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", bodyMaxBytes); err != nil {
			t.Fatal(err)
		}
		// The server asks for the body when it reads it: it has its room by then.
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if p.handler.bodies.TryAcquire(1) {
		t.Error("there is room for more")
	}
	p.ok("/LogDriver.StopLogging", "") // without a body
	p.ok("/LogDriver.StopLogging", map[string]string{"File": f.Name()})
	if n := p.reg.Len(); n != 0 {
		t.Errorf("stopping was not understood: %d fifos are known", n)
	}
	for _, conn := range conns {
		_ = conn.Close() // before its body is there
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.handler.bodies.Acquire(ctx, bodiesMaxBytes); err != nil {
		t.Errorf("not all was given back: %v", err)
	}
}

// TestStopIsNotRepeated: while a FIFO is drained, asking again drains it no second
// time.
func TestStopIsNotRepeated(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	f := fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), testInfo()})
	draining := make(chan struct{})
	p.driver.mu.Lock()
	p.driver.stopping[f.Name()] = draining
	p.driver.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.driver.StopLogging(ctx, f.Name())
	if n := p.reg.Len(); n != 1 {
		t.Errorf("it was drained again: %d fifos are known", n)
	}
	p.driver.mu.Lock()
	delete(p.driver.stopping, f.Name())
	p.driver.mu.Unlock()
	close(draining)
	p.ok("/LogDriver.StopLogging", map[string]string{"File": f.Name()})
	if n := p.reg.Len(); n != 0 {
		t.Errorf("%d fifos are known", n)
	}
}

// TestRefusedBodies: who sends too much is told so, and not that the request is
// none. StopLogging is answered in any case.
func TestRefusedBodies(t *testing.T) {
	dir := t.TempDir()
	startProcess(t, dir, DriverConfig{}, nil)
	for path, want := range map[string]string{
		"/LogDriver.StartLogging": `{"Err":"the request is larger than 16 MiB`,
		"/LogDriver.ReadLogs":     `{"Err":"the request is larger than 16 MiB`,
		"/LogDriver.StopLogging":  okBody,
	} {
		conn, err := net.Dial("unix", filepath.Join(dir, "s.sock"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		// Exactly what the server reads, as it closes the connection behind it.
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: p\r\nContent-Length: %d\r\n\r\n%s", path, bodyMaxBytes+1, strings.Repeat(" ", bodyMaxBytes+1))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !strings.HasPrefix(string(body), want) {
			t.Errorf("%s: %d %s, %v", path, resp.StatusCode, body, err)
		}
	}
	if err := refusal(fmt.Errorf("read: %w", errBusy)); !errors.Is(err, errBusy) {
		t.Errorf("busy: %v", err)
	}
	if err := refusal(io.ErrUnexpectedEOF); err != nil {
		t.Errorf("a body that was lost: %v", err)
	}
}
