package miniobucket

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// nothing is an environment in which the SDK finds no credentials.
func nothing(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ACCESS_KEY": "", "AWS_SECRET_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

func TestNoCredentialsIsPermanent(t *testing.T) {
	nothing(t)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request without a signature") }))
	defer server.Close()
	b, err := Open(Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "logs"})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Put(t.Context(), "k", strings.NewReader("x"), 1, bucket.PutOptions{})
	if !bucket.Permanent(err) || !strings.Contains(bucket.Hint(err), "MINIO_ACCESS_KEY") {
		t.Errorf("got %v", err)
	}
}

// TestChain finds the SDK's own sources, in their order.
func TestChain(t *testing.T) {
	nothing(t)
	shared := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(shared, []byte("[default]\naws_access_key_id = SHARED\naws_secret_access_key = s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		set  func(*Config)
		want string
	}{
		{func(*Config) { t.Setenv("AWS_SHARED_CREDENTIALS_FILE", shared) }, "SHARED"},
		{func(*Config) {
			t.Setenv("AWS_ACCESS_KEY_ID", "ENVAWS")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
		}, "ENVAWS"},
		{func(c *Config) { c.AccessKey, c.SecretKey = "MINIO", "s" }, "MINIO"},
	} {
		var cfg Config
		step.set(&cfg)
		creds, err := cfg.credentials()
		if err != nil {
			t.Fatal(err)
		}
		if v, err := creds.GetWithContext(nil); err != nil || v.AccessKeyID != step.want {
			t.Errorf("%s, %v; want %s", v.AccessKeyID, err, step.want)
		}
	}
}

// TestCredentialsFileIsReadAgain exchanges keys while the bucket is open.
func TestCredentialsFileIsReadAgain(t *testing.T) {
	nothing(t)
	path := filepath.Join(t.TempDir(), "keys")
	f := &file{path: path}
	for _, want := range []string{"FIRST", "SECOND"} {
		if err := os.WriteFile(path, []byte("[default]\naws_access_key_id = "+want+"\naws_secret_access_key = s\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if v, err := f.RetrieveWithCredContext(nil); err != nil || v.AccessKeyID != want || f.IsExpired() {
			t.Errorf("%+v, %v; want %s", v, err, want)
		}
		f.CurrentTime = func() time.Time { return time.Now().Add(s3http.CredentialsAge + time.Second) }
		if !f.IsExpired() {
			t.Error("is not read again")
		}
		f.CurrentTime = time.Now
	}
}

// TestCredentialsFileRefused tells what is wrong, and none of the content, which
// the parser's errors quote.
func TestCredentialsFileRefused(t *testing.T) {
	nothing(t)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": "", "other profile": "[prod]\naws_access_key_id = a\naws_secret_access_key = sesame-open\n",
		"garbage": "sesame-open", "no delimiter": "[default]\naws_secret_access_key sesame-open\n",
		"half": "[default]\naws_secret_access_key = sesame-open\n", "section": "[sesame-open\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Config{Endpoint: "h", Bucket: "logs", Options: s3http.Options{CredentialsFile: path}})
		if err == nil || !strings.Contains(err.Error(), "credentials-file") || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Open(Config{Endpoint: "h", Bucket: "logs", Options: s3http.Options{CredentialsFile: filepath.Join(dir, "missing")}})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "credentials-file") {
		t.Errorf("missing: %v", err)
	}
}

// TestCredentialsFileOfOddLines: lines that end as on Windows, and blanks around
// values, are no part of the keys.
func TestCredentialsFileOfOddLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	content := "[default]\r\naws_access_key_id =  AKIAODD \t\r\naws_secret_access_key = sesame-open \r\naws_session_token\t=token \r\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := (&file{path: path}).Retrieve()
	if err != nil || v.AccessKeyID != "AKIAODD" || v.SecretAccessKey != "sesame-open" || v.SessionToken != "token" {
		t.Errorf("%q, %q, %q, %v", v.AccessKeyID, v.SecretAccessKey, v.SessionToken, err)
	}
}
