package s3bucket

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

func writeKeys(t *testing.T, file, access string) {
	t.Helper()
	// As secrets are renewed: another file takes the name.
	content := "[default]\naws_access_key_id = " + access + "\naws_secret_access_key = sesame-open\n"
	if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// TestCredentialsFileIsReadAgain exchanges keys while the bucket is open.
func TestCredentialsFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	writeKeys(t, file, "AKIAFIRST")
	b := open(t, Config{Region: "eu-west-1", Options: s3http.Options{CredentialsFile: file}})
	cache, ok := b.client.Options().Credentials.(*aws.CredentialsCache)
	if !ok {
		t.Fatalf("%T", b.client.Options().Credentials)
	}
	for _, want := range []string{"AKIAFIRST", "AKIASECOND"} {
		writeKeys(t, file, want)
		cache.Invalidate() // as time does
		c, err := cache.Retrieve(t.Context())
		if err != nil || c.AccessKeyID != want || !c.CanExpire || time.Until(c.Expires) > s3http.CredentialsAge {
			t.Errorf("%s, expires %v, %v; want %s", c.AccessKeyID, c.Expires, err, want)
		}
	}
}

// TestMendedSecret keeps the access key and exchanges the secret. Another signer
// would go on with what it derived from the first one.
func TestMendedSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	writeKeys(t, file, "AKIASAME")
	b := open(t, Config{Region: "eu-west-1", Options: s3http.Options{CredentialsFile: file}})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	sign := func(s interface {
		SignHTTP(context.Context, aws.Credentials, *http.Request, string, string, string, time.Time, ...func(*v4.SignerOptions)) error
	}, secret string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://logs.example/a b", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		c := aws.Credentials{AccessKeyID: "AKIASAME", SecretAccessKey: secret}
		if err := s.SignHTTP(t.Context(), c, r, "UNSIGNED-PAYLOAD", "s3", "eu-west-1", at, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }); err != nil {
			t.Fatal(err)
		}
		return r.Header.Get("Authorization")
	}
	ours := b.client.Options().HTTPSignerV4
	for _, secret := range []string{"wrong", "right", "wrong"} {
		if got, want := sign(ours, secret), sign(v4.NewSigner(), secret); got != want {
			t.Errorf("%s: %s, want %s", secret, got, want)
		}
	}
}

// TestCredentialsFileRefused tells what is wrong, and none of the content.
func TestCredentialsFileRefused(t *testing.T) {
	open(t, Config{Region: "eu-west-1"}) // for its environment
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": "", "other profile": "[prod]\naws_access_key_id = a\naws_secret_access_key = sesame-open\n", "garbage": "sesame-open", "null": "\x00\x01sesame-open",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Config{Bucket: "logs", Region: "eu-west-1", Options: s3http.Options{CredentialsFile: file}})
		if err == nil || !strings.Contains(err.Error(), "credentials-file") || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Open(t.Context(), Config{Bucket: "logs", Region: "eu-west-1", Options: s3http.Options{CredentialsFile: filepath.Join(dir, "missing")}})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "credentials-file") {
		t.Errorf("missing: %v", err)
	}
}

// TestRoleEndpoint: a store of one's own gives roles itself, Amazon's endpoints
// for S3 alone do not.
func TestRoleEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"": "sts.eu-west-1.amazonaws.com",
		"https://bucket.vpce-1a.s3.eu-west-1.vpce.amazonaws.com": "sts.eu-west-1.amazonaws.com",
		"https://store.example:9000":                             "store.example:9000",
	} {
		for own, asked := range map[string]string{"": want, "https://roles.example": "roles.example"} {
			cfg := Config{Region: "eu-west-1", Endpoint: endpoint, Options: s3http.Options{Role: s3http.Role{ARN: "arn:aws:iam::1:role/r", Endpoint: own}}}
			got := ""
			shared := aws.Config{
				Region: cfg.Region, Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
				Retryer:    func() aws.Retryer { return aws.NopRetryer{} },
				HTTPClient: asker(func(r *http.Request) { got = r.URL.Host }),
			}
			_, _ = cfg.assume(&shared).Retrieve(t.Context())
			if got != asked {
				t.Errorf("%q, role-endpoint %q: asks %s, want %s", endpoint, own, got, asked)
			}
		}
	}
}

// asker does not get further than the request.
type asker func(*http.Request)

func (a asker) Do(r *http.Request) (*http.Response, error) {
	a(r)
	return nil, errors.New("not sent")
}

// TestRoleRefused has a hint of its own: the permission that is missing is not
// one on the bucket.
func TestRoleRefused(t *testing.T) {
	s := newStore(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<ErrorResponse><Error><Code>AccessDenied</Code><Message>because</Message></Error></ErrorResponse>"))
	})
	b := open(t, Config{Endpoint: s.URL, PathStyle: true, Options: s3http.Options{Role: s3http.Role{ARN: "arn:aws:iam::1:role/r"}}})
	err := b.Put(context.Background(), "k", strings.NewReader("x"), 1, bucket.PutOptions{})
	if !bucket.Permanent(err) || bucket.Hint(err) != s3http.HintRole || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

// TestCredentialsFileOfOddLines: lines that end as on Windows, and blanks around
// values, are no part of the keys.
func TestCredentialsFileOfOddLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	content := "[default]\r\naws_access_key_id =  AKIAODD \t\r\naws_secret_access_key = sesame-open \r\naws_session_token\t=token \r\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Config{Region: "eu-west-1", Options: s3http.Options{CredentialsFile: file}})
	c, err := b.client.Options().Credentials.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "AKIAODD" || c.SecretAccessKey != "sesame-open" || c.SessionToken != "token" {
		t.Errorf("%q, %q, %q, %v", c.AccessKeyID, c.SecretAccessKey, c.SessionToken, err)
	}
}
