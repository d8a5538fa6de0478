package bucketurl

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// refuse makes the store refuse puts that the function tells.
func (c *capture) refuse(status int, code string, which func(*http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !which(r) {
			return false
		}
		w.WriteHeader(status)
		if code != "" {
			_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>because</Message></Error>")
		}
		return true
	}
}

func conditional(r *http.Request) bool { return r.Header.Get("If-None-Match") == "*" }

// TestConditionalPut has stores that answer to the condition as stores do, to both
// clients.
func TestConditionalPut(t *testing.T) {
	c := newCapture(t)
	for _, tc := range []struct {
		name     string
		status   int
		code     string
		ok       bool
		two      int // requests after two puts
		retained bool
	}{
		{"there already", 412, "PreconditionFailed", true, 2, false},
		{"ignored", 200, "", true, 2, false},
		{"not implemented", 501, "NotImplemented", true, 3, false},
		{"not understood", 400, "InvalidArgument", true, 3, false},
		{"conflict", 409, "ConditionalRequestConflict", false, 2, false},
		{"denied", 403, "AccessDenied", false, 2, false},
		{"busy", 503, "SlowDown", false, 2, false},
		{"there already, with a retention", 412, "PreconditionFailed", true, 2, true},
		{"not implemented, with a retention", 501, "NotImplemented", false, 2, true},
	} {
		for client, rawURL := range c.urls() {
			t.Run(tc.name+", "+client, func(t *testing.T) {
				c.refuse(tc.status, tc.code, conditional)
				if tc.retained {
					rawURL += "&object-lock-mode=compliance&object-lock-retention=1d"
				}
				b := openBucket(t, rawURL, minioKeys)
				for range 2 {
					err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{IfAbsent: true})
					if (err == nil) != tc.ok {
						t.Errorf("got %v", err)
					}
					if tc.status == http.StatusConflict && !bucket.Transient(err) {
						t.Errorf("would not be repeated: %v", err)
					}
				}
				if n := len(c.take()); n != tc.two {
					t.Errorf("%d requests, want %d", n, tc.two)
				}
			})
		}
	}
	for client, rawURL := range c.urls() {
		t.Run("refused for another reason, "+client, func(t *testing.T) {
			c.refuse(400, "InvalidArgument", func(*http.Request) bool { return true })
			b := openBucket(t, rawURL, minioKeys)
			for range 2 { // the condition is not given up for that
				if err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{IfAbsent: true}); !bucket.Permanent(err) {
					t.Errorf("got %v", err)
				}
			}
			if all := c.take(); len(all) != 4 || !conditional(all[2]) {
				t.Errorf("%d requests", len(all))
			}
		})
	}
}

// TestConcurrency holds the parts of an upload until as many as may be have come.
func TestConcurrency(t *testing.T) {
	const parallel, size = 3, 6 * s3http.PartBytes
	c := newCapture(t)
	for client, rawURL := range c.urls() {
		var mu sync.Mutex
		now, most := 0, 0
		full := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("partNumber") {
				mu.Lock()
				now++
				if most = max(most, now); now == parallel && most == parallel {
					select {
					case <-full:
					default:
						close(full)
					}
				}
				mu.Unlock()
				select {
				case <-full:
				case <-time.After(time.Minute): // one at a time
				}
				_, _ = io.Copy(io.Discard, r.Body)
				mu.Lock()
				now--
				mu.Unlock()
			}
			c.answer(w, r)
		}))
		b := openBucket(t, strings.ReplaceAll(rawURL, strings.TrimPrefix(c.URL, "http://"), strings.TrimPrefix(server.URL, "http://"))+"&concurrency=3", minioKeys)
		if err := b.Put(t.Context(), "k", zeros{}, size, bucket.PutOptions{IfAbsent: true}); err != nil {
			t.Error(err)
		}
		if most != parallel {
			t.Errorf("%s: %d parts at once, want %d", client, most, parallel)
		}
		server.Close()
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// TestContentThatCannotBeRead must not be taken for the network's fault, which
// would be retried for ever.
func TestContentThatCannotBeRead(t *testing.T) {
	c := newCapture(t)
	wantErr := errors.New("input/output error")
	for client, rawURL := range c.urls() {
		b := openBucket(t, rawURL, minioKeys)
		if err := b.Put(t.Context(), "k", badDisk{wantErr}, 10, bucket.PutOptions{}); !bucket.Permanent(err) || !errors.Is(err, wantErr) {
			t.Errorf("%s: %v", client, err)
		}
		if err := b.Put(t.Context(), "k", strings.NewReader("short"), 10, bucket.PutOptions{}); !bucket.Permanent(err) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", client, err)
		}
	}
}

type badDisk struct{ err error }

func (b badDisk) ReadAt([]byte, int64) (int, error) { return 0, b.err }
