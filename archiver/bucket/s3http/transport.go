// Package s3http is what the two S3 clients have in common: how they reach a
// store, and what its answers mean.
package s3http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// stallTimeout ends a connection on which nothing moves in either
	// direction, however long the whole request takes. Stores send something
	// at least this often while they assemble a multipart upload.
	stallTimeout = 60 * time.Second
	// idleTimeout is below the stores' own, of which 60 s is common, so that a
	// request seldom meets a connection that is just being closed.
	idleTimeout   = 45 * time.Second
	idlePerHost   = 32
	handshakeTime = 10 * time.Second
)

// Transport returns a transport for object stores. caFile, if not empty, has
// certificates to trust beside the system's, in PEM.
func Transport(caFile string) (*http.Transport, error) {
	t := &http.Transport{}
	if err := Configure(t, caFile); err != nil {
		return nil, err
	}
	return t, nil
}

// Configure makes t a Transport.
func Configure(t *http.Transport, caFile string) error {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	t.Proxy = http.ProxyFromEnvironment
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &stallConn{Conn: c, timeout: stallTimeout}, nil
	}
	t.TLSHandshakeTimeout = handshakeTime
	t.IdleConnTimeout = idleTimeout
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = idlePerHost
	// One connection for each request: a lost packet then delays one upload.
	t.ForceAttemptHTTP2 = false
	// Objects are compressed already. Also, a transparent gunzip would change
	// an object's bytes.
	t.DisableCompression = true
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return fmt.Errorf("read ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("read ca-file: no certificate in %s", caFile)
	}
	t.TLSClientConfig.RootCAs = pool
	return nil
}

// stallConn fails reads and writes when nothing has moved for a time.
type stallConn struct {
	net.Conn
	timeout time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write moves the deadline of reads as well: net/http waits for the response's
// first byte from the beginning of an upload on.
func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
