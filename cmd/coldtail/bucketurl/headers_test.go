package bucketurl

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// Real servers are in the module test/. Here is what they take and do not tell,
// or do not have: which requests are sent.

// capture remembers requests, and answers as S3 does where nothing is wrong.
type capture struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	forms    []url.Values // of the requests to STS
	// refused, if set, answers what is refused.
	refused func(http.ResponseWriter, *http.Request) bool
}

func newCapture(t *testing.T) *capture {
	t.Helper()
	c := &capture{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.answer))
	t.Cleanup(c.Close)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	} {
		t.Setenv(name, value)
	}
	return c
}

func (c *capture) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	if c.refused != nil && c.refused(w, r) {
		return
	}
	switch q := r.URL.Query(); {
	case r.Method == http.MethodPost && r.URL.Path == "/":
		form, _ := url.ParseQuery(string(body))
		c.forms = append(c.forms, form)
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>`+
			`<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>`+
			`<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case q.Has("uploads"):
		_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
	case r.Method == http.MethodPost:
		_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><Bucket>logs</Bucket><Key>k</Key><ETag>e</ETag></CompleteMultipartUploadResult>")
	default:
		w.Header().Set("ETag", `"e"`)
	}
}

// take returns the requests since the last call.
func (c *capture) take() (all []*http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, c.requests = c.requests, nil
	return all
}

// urls are a bucket of the server for each client.
func (c *capture) urls() map[string]string {
	host := strings.TrimPrefix(c.URL, "http://")
	return map[string]string{"s3": "s3://logs?endpoint=" + c.URL, "minio": "minio://" + host + "/logs?tls=false"}
}

func openBucket(t *testing.T, rawURL string, getenv func(string) string) bucket.Bucket {
	t.Helper()
	b, err := Open(t.Context(), rawURL, getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func minioKeys(name string) string {
	return map[string]string{"MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secret"}[name]
}

// TestHeadersOfObjects compares what both clients send for the same options, in
// one request and in parts.
func TestHeadersOfObjects(t *testing.T) {
	c := newCapture(t)
	const big = 17<<20 + 1
	for name, tc := range map[string]struct {
		options string
		want    map[string]string
		once    map[string]string // beside want, of an object in one request
		parts   map[string]string // beside want, of the beginning of an upload in parts
		part    map[string]string // of a part
	}{
		"none": {
			options: "",
			want: map[string]string{
				"X-Amz-Storage-Class": "", "X-Amz-Server-Side-Encryption": "", "X-Amz-Tagging": "", "X-Amz-Object-Lock-Mode": "",
				"X-Amz-Checksum-Crc32c": "", "X-Amz-Trailer": "", "Content-Encoding": "", "Expect": "",
			},
			once: map[string]string{"If-None-Match": "*"},
		},
		"storage class": {"&storage-class=STANDARD_IA", map[string]string{"X-Amz-Storage-Class": "STANDARD_IA"}, nil, nil, nil},
		"AES256": {"&sse=AES256", map[string]string{
			"X-Amz-Server-Side-Encryption": "AES256", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "",
		}, nil, nil, map[string]string{"X-Amz-Server-Side-Encryption": ""}},
		"KMS": {"&sse=aws:kms&sse-kms-key-id=arn:aws:kms:eu-west-1:1:key/a-b&sse-bucket-key=true", map[string]string{
			"X-Amz-Server-Side-Encryption":                    "aws:kms",
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id":     "arn:aws:kms:eu-west-1:1:key/a-b",
			"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true",
			"X-Amz-Server-Side-Encryption-Customer-Algorithm": "",
		}, nil, nil, nil},
		"KMS, no bucket key": {"&sse=aws:kms&sse-bucket-key=false", map[string]string{
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "false",
		}, nil, nil, nil},
		"tags": {"&tags=env=prod=1,team=ops%20%2B%20dev", map[string]string{"X-Amz-Tagging": "env=prod%3D1&team=ops+%2B+dev"}, nil, nil, nil},
		"checksums": {
			"&request-checksum=when-supported",
			map[string]string{"X-Amz-Trailer": ""},
			map[string]string{"X-Amz-Checksum-Crc32c": "YXFUyQ==", "Content-Md5": ""},
			map[string]string{"X-Amz-Checksum-Algorithm": "CRC32C"},
			map[string]string{"X-Amz-Trailer": "", "Content-Md5": ""},
		},
		"lock": {
			"&object-lock-mode=compliance&object-lock-retention=10d&request-checksum=when-required",
			map[string]string{"X-Amz-Object-Lock-Mode": "COMPLIANCE"},
			map[string]string{"If-None-Match": "*", "Content-Md5": "OYUz1IER6fZksfZMsQxLYw=="},
			nil, nil,
		},
	} {
		for client, rawURL := range c.urls() {
			t.Run(name+", "+client, func(t *testing.T) {
				b := openBucket(t, rawURL+tc.options+"&multipart-threshold=5m", minioKeys)
				content := bytes.Repeat([]byte("x"), big)
				put := func(n int64) []*http.Request {
					if err := b.Put(t.Context(), "k", bytes.NewReader(content[:n]), n, bucket.PutOptions{IfAbsent: true}); err != nil {
						t.Fatal(err)
					}
					return c.take()
				}
				once := put(1000)
				if len(once) != 1 {
					t.Fatalf("%d requests for one object", len(once))
				}
				wantHeaders(t, "object", once[0], tc.want, tc.once)
				var kinds []string
				for _, r := range put(big) {
					q := r.URL.Query()
					switch {
					case r.Method == http.MethodHead:
						kinds = append(kinds, "look")
					case q.Has("uploads"):
						kinds = append(kinds, "create")
						wantHeaders(t, "create", r, tc.want, tc.parts)
					case q.Has("partNumber"):
						wantHeaders(t, "part", r, tc.part)
						if name == "checksums" && r.Header.Get("X-Amz-Checksum-Crc32c") == "" || name == "lock" && r.Header.Get("Content-Md5") == "" {
							t.Errorf("part without a checksum: %v", r.Header)
						}
					default:
						kinds = append(kinds, "complete")
						wantHeaders(t, "complete", r, map[string]string{"If-None-Match": "*"})
					}
				}
				if strings.Join(kinds, " ") != "look create complete" {
					t.Errorf("%q", kinds)
				}
				// An index marker has nothing to store, and needs no class.
				if got := put(0)[0].Header.Get("X-Amz-Storage-Class"); got != "" {
					t.Errorf("marker of class %s", got)
				}
			})
		}
	}
}

func wantHeaders(t *testing.T, what string, r *http.Request, wants ...map[string]string) {
	t.Helper()
	if sum := r.Header.Get("X-Amz-Content-Sha256"); strings.HasPrefix(sum, "STREAMING") {
		t.Errorf("%s: a streaming signature: %s", what, sum)
	}
	for _, want := range wants {
		for name, value := range want {
			if got := r.Header.Get(name); got != value {
				t.Errorf("%s: %s: %q, want %q", what, name, got, value)
			}
		}
	}
}

// TestRetentionEnds looks at the date: the object is locked from its put on.
func TestRetentionEnds(t *testing.T) {
	c := newCapture(t)
	for client, rawURL := range c.urls() {
		b := openBucket(t, rawURL+"&object-lock-mode=governance&object-lock-retention=7y", minioKeys)
		before := time.Now().UTC().AddDate(7, 0, 0).Truncate(time.Second)
		// Also an upload that would overwrite: a version cannot be deleted.
		if err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		after := time.Now().UTC().AddDate(7, 0, 0)
		r := c.take()[0]
		until, err := time.Parse(time.RFC3339, r.Header.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		if err != nil || until.Before(before) || until.After(after) || r.Header.Get("If-None-Match") != "*" {
			t.Errorf("%s: until %v, %v; If-None-Match %q", client, until, err, r.Header.Get("If-None-Match"))
		}
	}
}

// TestRole captures what real servers do not look at: the external id.
func TestRole(t *testing.T) {
	c, sts := newCapture(t), newCapture(t)
	const arn = "arn:aws:iam::123456789012:role/writer"
	for client, rawURL := range c.urls() {
		for name, tc := range map[string]struct {
			options string
			asked   *capture
			form    map[string]string
		}{
			"all": {
				"&role-external-id=ext-1&role-session-name=host-7&role-endpoint=" + sts.URL, sts,
				map[string]string{"ExternalId": "ext-1", "RoleSessionName": "host-7"},
			},
			"defaults": {"", c, map[string]string{"ExternalId": "", "RoleSessionName": "coldtail"}},
		} {
			t.Run(client+", "+name, func(t *testing.T) {
				c.forms, sts.forms = nil, nil
				b := openBucket(t, rawURL+"&role-arn="+arn+tc.options, minioKeys)
				if err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
					t.Fatal(err)
				}
				all := c.take()
				put := all[len(all)-1]
				forms := tc.asked.forms
				if len(c.forms)+len(sts.forms) != 1 || len(forms) != 1 || forms[0].Get("Action") != "AssumeRole" || forms[0].Get("RoleArn") != arn {
					t.Fatalf("the store was asked %v, the role's endpoint %v", c.forms, sts.forms)
				}
				for name, want := range tc.form {
					if got := forms[0].Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				if put.Header.Get("X-Amz-Security-Token") != "role-token" || !strings.Contains(put.Header.Get("Authorization"), "ASIAROLE") {
					t.Errorf("put with %v", put.Header)
				}
			})
		}
	}
}

// TestSessionToken of minio://, which the server asks for with temporary keys.
func TestSessionToken(t *testing.T) {
	c := newCapture(t)
	b := openBucket(t, c.urls()["minio"], environment(map[string]string{
		"MINIO_ACCESS_KEY": "ASIATEMP", "MINIO_SECRET_KEY": "secret", "MINIO_SESSION_TOKEN": "the-token",
	}))
	if err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := c.take()[0].Header.Get("X-Amz-Security-Token"); got != "the-token" {
		t.Errorf("%q", got)
	}
}
