//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/coldtail/coldtail/test/parts"
)

// TestSecretsMount gives a managed plugin its keys and a private authority's
// certificate as files of the host, which docker plugin inspect does not show, and
// exchanges the keys while it runs.
func TestSecretsMount(t *testing.T) {
	authority := parts.NewAuthority(t)
	minio := parts.StartMinIOWithTLS(t, authority)
	minio.CreateBucket(t, "logs")
	dir := t.TempDir()
	ca, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	give(t, filepath.Join(dir, "ca.pem"), ca)
	good := []byte("[default]\naws_access_key_id = " + parts.MinIOAccessKey + "\naws_secret_access_key = " + parts.MinIOSecretKey + "\n")
	bad := bytes.ReplaceAll(good, []byte(parts.MinIOSecretKey), []byte("another-secret-key"))
	for scheme, bucket := range map[string]string{
		"minio": "minio://" + minio.Endpoint + "/logs/m",
		"s3":    "s3://logs/s?region=us-east-1&endpoint=" + minio.URL(),
	} {
		t.Run(scheme, func(t *testing.T) {
			keys := filepath.Join(dir, "credentials")
			give(t, keys, bad)
			// With the default source of its mount the plugin starts, too.
			p := privatePlugin(t, "coldtail:e2e-secrets-"+scheme)
			docker(t, "plugin", "disable", "-f", p.name)
			docker(t, "plugin", "set", p.name, "secrets.source="+dir, "COLDTAIL_BUCKET="+bucket,
				"COLDTAIL_CREDENTIALS_FILE=/etc/coldtail/credentials", "COLDTAIL_CA_FILE=/etc/coldtail/ca.pem")
			docker(t, "plugin", "enable", "--timeout", "0", p.name)
			const script = `seq 1 1000`
			ref, id := runToEnd(t, "json-file", nil, script), runToEnd(t, p.name, nil, script)
			if res := p.tryFlush(t); res.err == nil {
				t.Error("archived with a wrong secret")
			}
			doctor := func() result { return run(t, patience, nil, binary(), "doctor", "--plugin", p.name) }
			if res := doctor(); res.err == nil || !bytes.Contains(res.stdout, []byte("check the access key and the secret key")) {
				t.Errorf("doctor with a wrong secret: %v\n%s%s", res.err, res.stdout, res.stderr)
			}
			give(t, keys, good)
			eventually(t, "the keys are read again", func() bool { return p.tryFlush(t, "--evict").err == nil })
			compare(t, ref, id, everyView)
			res := doctor()
			if res.err != nil {
				t.Errorf("doctor: %v\n%s%s", res.err, res.stdout, res.stderr)
			}
			for what, said := range map[string]string{
				"inspect": docker(t, "plugin", "inspect", p.name), "doctor": string(res.stdout) + string(res.stderr),
			} {
				if bytes.Contains([]byte(said), []byte(parts.MinIOSecretKey)) {
					t.Errorf("%s shows the secret: %s", what, said)
				}
			}
		})
	}
}

// give writes a file as secrets are renewed: another one takes its name.
func give(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
