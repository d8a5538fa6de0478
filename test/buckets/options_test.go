package buckets

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7" //nolint:depguard // looks into the bucket from outside

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/test/parts"
)

// inParts makes objects of partsSize be sent in two parts.
const (
	inParts   = "&multipart-threshold=5m&concurrency=2"
	partsSize = 17 << 20
)

// sizes of objects that are sent in one request and in parts.
var sizes = map[string]int64{"once": 1000, "parts": partsSize}

func putSize(t *testing.T, b bucket.Bucket, key string, size int64, fill string) error {
	t.Helper()
	content := bytes.Repeat([]byte(fill), int(size))
	return b.Put(t.Context(), key, bytes.NewReader(content), size, bucket.PutOptions{IfAbsent: true})
}

// stat describes an object of a bucket without a prefix.
func stat(t *testing.T, s server, name, key string) minio.ObjectInfo {
	t.Helper()
	info, err := s.Client().StatObject(t.Context(), name, key, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestObjectOptions asks a real server what it made of each option.
func TestObjectOptions(t *testing.T) {
	server := parts.StartMinIO(t)
	getenv := credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
	for _, tc := range []struct {
		options string
		check   func(t *testing.T, info minio.ObjectInfo, name, key string)
	}{
		{"&storage-class=REDUCED_REDUNDANCY", func(t *testing.T, info minio.ObjectInfo, _, _ string) {
			if got := info.Metadata.Get("X-Amz-Storage-Class"); got != "REDUCED_REDUNDANCY" {
				t.Errorf("storage class %q", got)
			}
		}},
		{"&sse=AES256", func(t *testing.T, info minio.ObjectInfo, _, _ string) {
			if got := info.Metadata.Get("X-Amz-Server-Side-Encryption"); got != "AES256" {
				t.Errorf("encryption %q", got)
			}
		}},
		{"&sse=aws:kms&sse-bucket-key=true&sse-kms-key-id=" + parts.MinIOKey, func(t *testing.T, info minio.ObjectInfo, _, _ string) {
			if got := info.Metadata.Get("X-Amz-Server-Side-Encryption"); got != "aws:kms" {
				t.Errorf("encryption %q", got)
			}
			if got := info.Metadata.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"); !strings.HasSuffix(got, parts.MinIOKey) {
				t.Errorf("key %q", got)
			}
		}},
		{"&tags=team=ops,env=a%20b%2Bc", func(t *testing.T, _ minio.ObjectInfo, name, key string) {
			tags, err := server.Client().GetObjectTagging(t.Context(), name, key, minio.GetObjectTaggingOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := tags.ToMap(); len(got) != 2 || got["team"] != "ops" || got["env"] != "a b+c" {
				t.Errorf("tags %v", got)
			}
		}},
		{"&request-checksum=when-supported", func(t *testing.T, info minio.ObjectInfo, _, _ string) {
			if info.ChecksumCRC32C == "" {
				t.Error("no checksum")
			}
		}},
	} {
		for _, k := range []kind{kinds()[0], kinds()[2]} {
			for how, size := range sizes {
				t.Run(strings.TrimPrefix(tc.options, "&")+", "+k.name+", "+how, func(t *testing.T) {
					name := server.CreateBucket(t, newName())
					b := open(t, k.url(server.URL(), name, tc.options+inParts), getenv)
					for range 2 { // idempotent
						if err := putSize(t, b, "k", size, "x"); err != nil {
							t.Fatal(err)
						}
					}
					info := stat(t, server, name, "k")
					if info.Size != size {
						t.Errorf("%d bytes, want %d", info.Size, size)
					}
					tc.check(t, info, name, "k")
					if body, err := b.Get(t.Context(), "k", bucket.GetOptions{Offset: -3}); err != nil {
						t.Error(err)
					} else if got, err := io.ReadAll(body); err != nil || string(got) != "xxx" {
						t.Errorf("%q, %v", got, err)
					}
				})
			}
		}
	}
}

// TestChecksums are taken by both servers, over HTTP and over TLS, where the AWS
// SDK would send trailers.
func TestChecksums(t *testing.T) {
	authority := parts.NewAuthority(t)
	for _, ca := range []*parts.Authority{nil, authority} {
		options := "&request-checksum=when-supported" + inParts
		if ca != nil {
			options += "&ca-file=" + ca.File
		}
		for name, start := range map[string]func() (server, func(string) string){
			"MinIO": func() (server, func(string) string) {
				return parts.StartMinIOWithTLS(t, ca), credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
			},
			"VersityGW": func() (server, func(string) string) {
				return parts.StartVersityGW(t, ca), credentials(t, parts.VersityAccessKey, parts.VersitySecretKey)
			},
		} {
			s, getenv := start()
			for _, k := range []kind{kinds()[0], kinds()[2]} {
				bucketName := s.CreateBucket(t, newName())
				b := open(t, k.url(s.URL(), bucketName, options), getenv)
				for how, size := range sizes {
					if err := putSize(t, b, how, size, "x"); err != nil {
						t.Errorf("%s, %s, %s: %v", name, k.name, how, err)
						continue
					}
					if info := stat(t, s, bucketName, how); info.ChecksumCRC32C == "" || info.Size != size {
						t.Errorf("%s, %s, %s, TLS %v: checksum %q, %d bytes", name, k.name, how, ca != nil, info.ChecksumCRC32C, info.Size)
					}
				}
			}
		}
	}
}

// TestObjectLock makes versions that cannot be deleted, one for each object
// however often it is put.
func TestObjectLock(t *testing.T) {
	server := parts.StartMinIO(t)
	getenv := credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
	for _, k := range []kind{kinds()[0], kinds()[2]} {
		for how, size := range sizes {
			t.Run(k.name+", "+how, func(t *testing.T) {
				name := newName()
				if err := server.Client().MakeBucket(t.Context(), name, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
					t.Fatal(err)
				}
				b := open(t, k.url(server.URL(), name, "&object-lock-mode=compliance&object-lock-retention=2d"+inParts), getenv)
				before := time.Now().UTC().AddDate(0, 0, 2).Truncate(time.Second)
				for _, fill := range []string{"x", "y"} {
					if err := putSize(t, b, "k", size, fill); err != nil {
						t.Fatal(err)
					}
				}
				mode, until, err := server.Client().GetObjectRetention(t.Context(), name, "k", "")
				if err != nil || mode == nil || *mode != minio.Compliance || until.Before(before) || until.After(time.Now().AddDate(0, 0, 2)) {
					t.Fatalf("retention %v until %v, %v", mode, until, err)
				}
				versions := 0
				for v := range server.Client().ListObjects(t.Context(), name, minio.ListObjectsOptions{WithVersions: true}) {
					if v.Err != nil {
						t.Fatal(v.Err)
					}
					versions++
					if err := server.Client().RemoveObject(t.Context(), name, "k", minio.RemoveObjectOptions{VersionID: v.VersionID}); err == nil {
						t.Error("the version could be deleted")
					}
				}
				if versions != 1 {
					t.Errorf("%d versions", versions)
				}
			})
			t.Run("a bucket without locks, "+k.name+", "+how, func(t *testing.T) {
				name := server.CreateBucket(t, newName())
				b := open(t, k.url(server.URL(), name, "&object-lock-mode=governance&object-lock-retention=2d"+inParts), getenv)
				if err := putSize(t, b, "k", size, "x"); !bucket.Permanent(err) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// during is content that does something when its end is read.
type during struct {
	size int64
	once *sync.Once
	do   func() error
}

func (d during) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	var err error
	if off+int64(len(p)) >= d.size {
		d.once.Do(func() { err = d.do() })
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// TestMultipart keeps the condition, and leaves no parts behind.
func TestMultipart(t *testing.T) {
	authority := parts.NewAuthority(t)
	for _, s := range []struct {
		name   string
		server server
		keys   [2]string
	}{
		{"MinIO", parts.StartMinIOWithTLS(t, authority), [2]string{parts.MinIOAccessKey, parts.MinIOSecretKey}},
		{"VersityGW", parts.StartVersityGW(t, authority), [2]string{parts.VersityAccessKey, parts.VersitySecretKey}},
	} {
		getenv := credentials(t, s.keys[0], s.keys[1])
		for _, k := range []kind{kinds()[0], kinds()[2]} {
			for _, tc := range []struct {
				name string
				do   func(ctx context.Context, cancel func(), bucketName string) error
				want func(error) bool
				left string // content of the object
			}{
				{"somebody else is faster", func(ctx context.Context, _ func(), name string) error {
					_, err := s.server.Client().PutObject(ctx, name, "k", strings.NewReader("theirs"), 6, minio.PutObjectOptions{})
					return err
				}, func(err error) bool { return err == nil }, "theirs"},
				{"the content cannot be read", func(context.Context, func(), string) error { return errDisk }, func(err error) bool {
					return bucket.Permanent(err) && errors.Is(err, errDisk)
				}, ""},
				{"the context ends", func(_ context.Context, cancel func(), _ string) error {
					cancel()
					return nil
				}, func(err error) bool { return errors.Is(err, context.Canceled) }, ""},
			} {
				t.Run(s.name+", "+k.name+", "+tc.name, func(t *testing.T) {
					name := s.server.CreateBucket(t, newName())
					b := open(t, k.url(s.server.URL(), name, "&ca-file="+authority.File+inParts), getenv)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					content := during{partsSize, new(sync.Once), func() error { return tc.do(ctx, cancel, name) }}
					if err := b.Put(ctx, "k", content, partsSize, bucket.PutOptions{IfAbsent: true}); !tc.want(err) {
						t.Errorf("got %v", err)
					}
					for u := range s.server.Client().ListIncompleteUploads(t.Context(), name, "k", true) {
						t.Errorf("parts are left: %+v", u)
					}
					body, err := b.Get(t.Context(), "k", bucket.GetOptions{})
					if tc.left == "" {
						if !errors.Is(err, bucket.ErrNotFound) {
							t.Errorf("there is an object: %v", err)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if got, err := io.ReadAll(body); err != nil || string(got) != tc.left {
						t.Errorf("%d bytes are there, want %q: %v", len(got), tc.left, err)
					}
				})
			}
		}
	}
}

var errDisk = errors.New("input/output error")

// keyFile writes a file of credentials.
func keyFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func profile(name, access, secret string) string {
	return "[" + name + "]\naws_access_key_id = " + access + "\naws_secret_access_key = " + secret + "\n"
}

// TestCredentialsFile counts before what is in the environment.
func TestCredentialsFile(t *testing.T) {
	server := parts.StartMinIO(t)
	getenv := credentials(t, "somebody", "something-else")
	good := profile("default", parts.MinIOAccessKey, parts.MinIOSecretKey)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			url := k.url(server.URL(), server.CreateBucket(t, newName()), "&credentials-file="+keyFile(t, good))
			if err := putSize(t, open(t, url, getenv), "k", 10, "x"); err != nil {
				t.Error(err)
			}
			t.Setenv("AWS_PROFILE", "second")
			file := keyFile(t, profile("default", "somebody", "something")+profile("second", parts.MinIOAccessKey, parts.MinIOSecretKey))
			url = k.url(server.URL(), server.CreateBucket(t, newName()), "&credentials-file="+file)
			if err := putSize(t, open(t, url, getenv), "k", 10, "x"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAssumedRole exchanges the keys for temporary ones, of the server itself.
func TestAssumedRole(t *testing.T) {
	authority := parts.NewAuthority(t)
	server := parts.StartMinIOWithTLS(t, authority)
	const role = "&role-arn=arn:minio:iam:::role/writer&role-external-id=ext-1"
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			url := k.url(server.URL(), server.CreateBucket(t, newName()), role+"&ca-file="+authority.File)
			good := credentials(t, parts.MinIOAccessKey, parts.MinIOSecretKey)
			if err := putSize(t, open(t, url, good), "k", 10, "x"); err != nil {
				t.Error(err)
			}
			wantPermanent(t, "wrong secret", open(t, url, credentials(t, parts.MinIOAccessKey, "something-else")), "the role cannot be assumed")
		})
	}
}
