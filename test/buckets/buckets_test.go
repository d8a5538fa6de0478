// Package buckets runs the acceptance suite against real servers, and what only
// a real server can show.
package buckets

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7" //nolint:depguard // looks into the bucket from outside

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/test/parts"
)

var small = flag.Bool("small", false, "use 16 MiB for the large object instead of 100 MB")

// bucketNumber gives every test a bucket of its own.
var bucketNumber atomic.Int64

// server is a real one, whose URL tells whether it speaks TLS.
type server interface {
	URL() string
	CreateBucket(t testing.TB, name string) string
	Client() *minio.Client
}

// kind is a way to name a bucket of a server.
type kind struct {
	name string
	url  func(server, bucketName, options string) string
}

func kinds() []kind {
	return []kind{
		{"s3", func(server, name, options string) string {
			return fmt.Sprintf("s3://%s?endpoint=%s&region=%s&path-style=true%s", name, server, parts.MinIORegion, options)
		}},
		{"s3 with prefix", func(server, name, options string) string {
			return fmt.Sprintf("s3://%s/team/a+b c?endpoint=%s%s", name, server, options)
		}},
		{"minio", func(server, name, options string) string {
			return fmt.Sprintf("minio://%s/%s?%s%s", host(server), name, tls(server), options)
		}},
		{"minio with prefix", func(server, name, options string) string {
			return fmt.Sprintf("minio://%s/%s/team/a+b%%20c?%s%s", host(server), name, tls(server), options)
		}},
	}
}

func host(server string) string {
	_, host, _ := strings.Cut(server, "://")
	return host
}

func tls(server string) string {
	return fmt.Sprintf("tls=%v", strings.HasPrefix(server, "https:"))
}

// credentials of the server, in the environment and nowhere else.
func credentials(t *testing.T, accessKey, secretKey string) func(string) string {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return func(name string) string {
		return map[string]string{"MINIO_ACCESS_KEY": accessKey, "MINIO_SECRET_KEY": secretKey}[name]
	}
}

func open(t *testing.T, url string, getenv func(string) string) bucket.Bucket {
	t.Helper()
	b, err := bucketurl.Open(t.Context(), url, getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newName() string { return fmt.Sprintf("bucket-%d", bucketNumber.Add(1)) }

// TestAcceptance runs the suite with each client against each server, over HTTP
// and over TLS with a private authority.
func TestAcceptance(t *testing.T) {
	authority := parts.NewAuthority(t)
	for _, over := range []string{"HTTP", "TLS"} {
		options, ca := "", (*parts.Authority)(nil)
		if over == "TLS" {
			ca, options = authority, "&ca-file="+authority.File
		}
		t.Run("MinIO over "+over, func(t *testing.T) {
			accept(t, parts.StartMinIOWithTLS(t, ca), options, credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey))
		})
		t.Run("VersityGW over "+over, func(t *testing.T) {
			accept(t, parts.StartVersityGW(t, ca), options, credentials(t, parts.VersityAccessKey, parts.VersitySecretKey))
		})
	}
	t.Run("folder", func(t *testing.T) {
		buckettest.Test(t, suite(), func(t *testing.T) bucket.Bucket {
			return open(t, "file://"+t.TempDir(), func(string) string { return "" })
		})
	})
}

func suite() buckettest.Options {
	if *small {
		return buckettest.Options{}
	}
	return buckettest.Options{LargeSizeBytes: 100_000_000}
}

func accept(t *testing.T, s server, options string, getenv func(string) string) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			opts := suite()
			if strings.Contains(k.name, "prefix") {
				opts = buckettest.Options{} // it is the same client
			}
			buckettest.Test(t, opts, func(t *testing.T) bucket.Bucket {
				return open(t, k.url(s.URL(), s.CreateBucket(t, newName()), options), getenv)
			})
		})
	}
}

// TestWrongAuthority meets a server whose certificate somebody else has signed.
func TestWrongAuthority(t *testing.T) {
	server := parts.StartMinIOWithTLS(t, parts.NewAuthority(t))
	getenv := credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
	for name, options := range map[string]string{"another authority": "&ca-file=" + parts.NewAuthority(t).File, "no authority": ""} {
		for _, k := range kinds() {
			t.Run(name+", "+k.name, func(t *testing.T) {
				wantPermanent(t, name, open(t, k.url(server.URL(), server.CreateBucket(t, newName()), options), getenv), "name its authority with ca-file")
			})
		}
	}
}

// TestIfAbsentKeeps shows that the condition reaches the server.
func TestIfAbsentKeeps(t *testing.T) {
	server := parts.StartMinIO(t)
	getenv := credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			b := open(t, k.url(server.URL(), server.CreateBucket(t, newName()), ""), getenv)
			for i, content := range []string{"first", "other"} {
				if err := b.Put(t.Context(), "k", strings.NewReader(content), 5, bucket.PutOptions{IfAbsent: true}); err != nil {
					t.Fatal(i, err)
				}
			}
			body, err := b.Get(t.Context(), "k", bucket.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			got := make([]byte, 5)
			if _, err := body.Read(got); string(got) != "first" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestErrorClasses provokes the answers that people meet.
func TestErrorClasses(t *testing.T) {
	server := parts.StartMinIO(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			good := credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
			missing := open(t, k.url(server.URL(), "no-such-bucket", ""), good)
			wantPermanent(t, "no such bucket", missing, "bucket")
			name := server.CreateBucket(t, newName())
			wantPermanent(t, "unknown key", open(t, k.url(server.URL(), name, ""), credentials(t, "somebody", parts.MinIOSecretKey)), "access key")
			wantPermanent(t, "wrong secret", open(t, k.url(server.URL(), name, ""), credentials(t, parts.MinIOAccessKey, "something-else")), "secret key")
		})
	}
}

// wantPermanent tries all four verbs.
func wantPermanent(t *testing.T, what string, b bucket.Bucket, hint string) {
	t.Helper()
	check := func(op string, err error) {
		t.Helper()
		if !bucket.Permanent(err) || !strings.Contains(bucket.Hint(err), hint) || errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("%s, %s: %v (permanent: %v)", what, op, err, bucket.Permanent(err))
		}
		if err != nil && (strings.Contains(err.Error(), parts.MinIOSecretKey) || !strings.Contains(err.Error(), op)) {
			t.Errorf("%s, %s: %v", what, op, err)
		}
	}
	check("put", b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{IfAbsent: true}))
	body, err := b.Get(t.Context(), "k", bucket.GetOptions{})
	if err == nil {
		_ = body.Close()
	}
	check("get", err)
	for _, err = range b.List(t.Context(), "p/", bucket.ListOptions{}) {
		break
	}
	check("list", err)
	check("delete", b.Delete(t.Context(), "k"))
}

// TestServerAway puts while the server is stopped, which ends once it is back.
func TestServerAway(t *testing.T) {
	server := parts.StartMinIO(t)
	getenv := credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			raw := open(t, k.url(server.URL(), server.CreateBucket(t, newName()), ""), getenv)
			server.Stop(t)
			err := raw.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{})
			if !bucket.Transient(err) {
				t.Errorf("put: %v", err)
			}
			var retries atomic.Int64
			failed := make(chan struct{})
			b := bucket.Retry(raw, bucket.RetryConfig{Max: time.Second, OnRetry: func(bucket.Op, string, error, time.Duration) {
				if retries.Add(1) == 2 {
					close(failed)
				}
			}})
			done := make(chan error, 1)
			go func() { done <- b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{}) }()
			<-failed
			server.Start(t)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
