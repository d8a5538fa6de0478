package bucketurl

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// secret is what no error may show. It is found again in any part of itself.
const secret = "Hunter2Hunter2Hunter2"

// FuzzParse: a URL is taken, with nothing in it that a store or a terminal would
// stumble over, or refused in one short sentence that shows no password, wherever
// that stands.
func FuzzParse(f *testing.F) {
	for _, raw := range []string{
		"file:///var/lib/coldtail?max-size=10g", "file:///a%20b", "file:///a%0Ab", "file:///a\r", " file:///a", "file://localhost/a%00",
		"s3://logs/team/a?region=eu-central-1&endpoint=https%3A%2F%2Fh%3A9000&path-style=false", "s3://logs/%FF", "s3://logs/a%1b]0;x",
		"s3://logs?tags=team=ops,env=prod&object-lock-mode=governance&object-lock-retention=30d&sse=aws:kms&sse-kms-key-id=alias/x",
		"s3://logs?role-arn=arn:aws:iam::123456789012:role/name&role-external-id=ab&storage-class=STANDARD_IA&concurrency=4&multipart-threshold=64m",
		"minio://[::1]:9000/logs/a/b/?tls=false", "minio://h:9000/logs?ca-file=%2Fx%0D", "minio://h/logs?region=x%0d", "s3://logs?region=", "://", "s3:logs#x",
	} {
		for where := range uint8(5) {
			f.Add(raw, "eu-central-1\r\n", where)
		}
	}
	f.Fuzz(func(t *testing.T, raw, region string, where uint8) {
		raw = withSecret(raw, where)
		u, err := Parse(raw, environment(map[string]string{"COLDTAIL_REGION": region}))
		if err != nil {
			judgeError(t, raw, err)
			return
		}
		switch {
		case u.File != nil:
			judgeText(t, raw, u.File.Dir)
			if !strings.HasPrefix(u.File.Dir, "/") || u.File.MaxSizeBytes < 0 {
				t.Errorf("%q: %+v", raw, u.File)
			}
		case u.S3 != nil:
			judgeText(t, raw, u.Prefix+u.S3.Bucket+u.S3.Region+u.S3.Endpoint+u.S3.CAFile+u.S3.CredentialsFile+u.S3.StorageClass+u.S3.Role.ExternalID)
		case u.MinIO != nil:
			judgeText(t, raw, u.Prefix+u.MinIO.Bucket+u.MinIO.Region+u.MinIO.CAFile+u.MinIO.CredentialsFile+u.MinIO.StorageClass+u.MinIO.Role.ExternalID)
		default:
			t.Errorf("%q is no bucket", raw)
		}
		if p := u.Prefix; p != "" && (!utf8.ValidString(p) || strings.Trim(p, "/") != p || strings.Contains("/"+p+"/", "/../")) {
			t.Errorf("%q: prefix %q", raw, p)
		}
	})
}

// withSecret puts a password where people put it.
func withSecret(raw string, where uint8) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	switch where % 5 {
	case 1:
		rest = "AKIA:" + secret + "@" + rest
	case 2:
		rest = "AKIA:12/" + secret + "@" + rest // as half of Amazon's have a slash
	case 3:
		rest = "AKIA:" + secret + "/12@" + rest
	case 4:
		rest += "&endpoint=https://AKIA:12/" + secret + "@h"
	}
	return scheme + "://" + rest
}

func judgeError(t *testing.T, raw string, err error) {
	t.Helper()
	text := err.Error()
	if strings.Contains(raw, secret) && strings.Contains(strings.ToLower(text), strings.ToLower(secret[:7])) {
		t.Errorf("%q: the error shows a password: %s", raw, text)
	}
	if len(text) > 1000 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("%q: not one sentence: %q", raw, text)
	}
}

func judgeText(t *testing.T, raw, text string) {
	t.Helper()
	if strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("%q is taken, with control characters: %q", raw, text)
	}
}

// TestKeysWithBlanks: credentials that were read with their line's end, or copied
// with a blank, are one sentence that does not show them.
func TestKeysWithBlanks(t *testing.T) {
	for _, stray := range []string{secret + "\r", secret + "\n", " " + secret, secret + "\u00a0", secret + "\x00"} {
		for _, name := range keyNames {
			env := environment(map[string]string{"MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "b", name: stray})
			for _, raw := range []string{"s3://logs?region=eu-central-1", "minio://127.0.0.1:1/logs"} {
				_, err := Open(t.Context(), raw, env, nil)
				if err == nil || !strings.Contains(err.Error(), name+" has a blank") {
					t.Errorf("%s=%q: %v", name, stray, err)
					continue
				}
				judgeError(t, secret, err)
			}
			if _, err := Open(t.Context(), "file://"+t.TempDir(), env, nil); err != nil {
				t.Errorf("a folder needs no keys: %v", err)
			}
		}
	}
}
