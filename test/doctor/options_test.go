package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7" //nolint:depguard // looks into the bucket from outside

	"github.com/coldtail/coldtail/test/parts"
)

// TestPrivateAuthority meets a certificate that the host does not trust.
func TestPrivateAuthority(t *testing.T) {
	authority := parts.NewAuthority(t)
	server, binary := parts.StartMinIOWithTLS(t, authority), parts.Coldtail(t)
	server.CreateBucket(t, "logs")
	for kind, url := range map[string]string{
		"s3": "s3://logs?region=us-east-1&endpoint=" + server.URL(), "minio": "minio://" + server.Endpoint + "/logs",
	} {
		r := run(t, binary, append(rootKeys(), "COLDTAIL_CA_FILE="+authority.File), "--bucket", url, "--state", t.TempDir())
		r.want(t, permissions...)
		if _, text := r.of("tls"); !strings.HasPrefix(text, "TLS 1.3, certificate valid until ") {
			t.Errorf("%s: %s", kind, text)
		}
		for name, ca := range map[string]string{"none": "", "another": parts.NewAuthority(t).File} {
			r := run(t, binary, append(rootKeys(), "COLDTAIL_CA_FILE="+ca), "--bucket", url, "--state", t.TempDir())
			r.want(t, "endpoint=fail", "put=skip")
			if _, text := r.of("endpoint"); r.status != 1 || !strings.Contains(text, "name its authority with ca-file") {
				t.Errorf("%s, %s: status %d: %s", kind, name, r.status, text)
			}
		}
	}
}

// TestOptions gives the bucket's options by the environment, and checks what they
// need: each run puts the probe as chunks are put.
func TestOptions(t *testing.T) {
	server, binary := parts.StartMinIO(t), parts.Coldtail(t)
	if err := server.Client().MakeBucket(t.Context(), "locked", minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}
	server.CreateBucket(t, "plain")
	file := filepath.Join(t.TempDir(), "credentials")
	content := "[default]\naws_access_key_id = " + parts.MinIOAccessKey + "\naws_secret_access_key = " + parts.MinIOSecretKey + "\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	withFile := []string{"COLDTAIL_CREDENTIALS_FILE=" + file}
	lock := []string{"COLDTAIL_OBJECT_LOCK_MODE=compliance", "COLDTAIL_OBJECT_LOCK_RETENTION=1d"}
	for _, tc := range []struct {
		name, bucket string
		env          []string
		want         []string
		status       int
	}{
		{"credentials-file", "plain", withFile, permissions, 0},
		{"no file", "plain", []string{"COLDTAIL_CREDENTIALS_FILE=/nonexistent"}, []string{"bucket=fail"}, 1},
		{"tags and encryption", "plain", append(withFile, "COLDTAIL_TAGS=team=ops", "COLDTAIL_SSE=AES256"), permissions, 0},
		{"lock", "locked", append(withFile, lock...), []string{"put=ok", "range get=ok", "list=ok", "conditional put=ok", "clean-up=ok"}, 0},
		{"lock, again", "locked", append(withFile, lock...), []string{"put=ok", "conditional put=ok", "clean-up=ok"}, 0},
		{"lock of a bucket without", "plain", append(withFile, lock...), []string{"put=fail"}, 1},
		{"a folder's option", "plain", append(withFile, "COLDTAIL_MAX_SIZE=1g"), []string{"bucket=fail"}, 1},
	} {
		for kind, url := range map[string]string{
			"s3": "s3://" + tc.bucket + "/p", "minio": "minio://" + server.Endpoint + "/" + tc.bucket + "/p?tls=false",
		} {
			t.Run(tc.name+", "+kind, func(t *testing.T) {
				env := append([]string{"COLDTAIL_BUCKET=" + url, "COLDTAIL_REGION=" + parts.MinIORegion}, tc.env...)
				if kind == "s3" {
					env = append(env, "COLDTAIL_ENDPOINT="+server.URL())
				}
				r := run(t, binary, env, "--state", t.TempDir())
				r.want(t, tc.want...)
				if r.status != tc.status {
					t.Errorf("status %d: %s", r.status, r.output)
				}
				if strings.Contains(r.output, parts.MinIOSecretKey) {
					t.Errorf("the secret is in the output: %s", r.output)
				}
			})
		}
	}
}
