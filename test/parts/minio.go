// Package parts starts the real parts that the tests run against. Nothing of
// it is linked into coldtail.
package parts

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials" //nolint:depguard // limits credentials, which coldtail does not
)

// minioVersion of the server, which is built from source: AGPL, so it is run
// but never linked.
const minioVersion = "v0.0.0-20260212201848-7aac2a2c5b7c"

// The credentials of every MinIO that the tests start.
const (
	MinIOAccessKey = "coldtail-test"
	MinIOSecretKey = "coldtail-test-secret"
	MinIORegion    = "us-east-1"
)

// MinIOKey is the name of the one key that every MinIO encrypts with where it is
// asked to.
const MinIOKey = "coldtail-key"

// MinIO is a server of one test, on a loopback port that it keeps over Stop
// and Start.
type MinIO struct{ server }

// StartMinIO starts a server with an empty folder; it ends with the test.
func StartMinIO(t testing.TB) *MinIO { return StartMinIOWithTLS(t, nil) }

// StartMinIOWithTLS starts a server with a certificate of the authority, or, if
// that is nil, without TLS.
func StartMinIOWithTLS(t testing.TB, authority *Authority) *MinIO {
	t.Helper()
	binary, err := minioBinary()
	if err != nil {
		t.Fatal(err)
	}
	endpoint := FreePort(t)
	argv := []string{binary, "server", "--quiet", "--address", endpoint}
	if authority != nil {
		dir := t.TempDir()
		authority.Issue(t, dir, "public.crt", "private.key")
		argv = append(argv, "--certs-dir", dir)
	}
	m := &MinIO{server{
		Endpoint: endpoint, name: "minio", argv: append(argv, t.TempDir()), health: "/minio/health/ready", notYet: "XMinioServerNotInitialized", tls: authority,
		env: []string{
			"MINIO_ROOT_USER=" + MinIOAccessKey, "MINIO_ROOT_PASSWORD=" + MinIOSecretKey,
			"MINIO_KMS_SECRET_KEY=" + MinIOKey + ":" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=on",
		},
	}}
	m.run(t, MinIOAccessKey, MinIOSecretKey)
	return m
}

func minioBinary() (string, error) {
	return goBinary("minio", "github.com/minio/minio", minioVersion)
}

// SetRegion makes it a server of another region than MinIORegion from its next
// start.
func (m *MinIO) SetRegion(region string) { m.env = append(m.env, "MINIO_SITE_REGION="+region) }

// Session returns temporary credentials that may do the actions, such as
// s3:PutObject, with what the resources name, such as arn:aws:s3:::bucket/*.
func (m *MinIO) Session(t testing.TB, actions []string, resources ...string) credentials.Value {
	t.Helper()
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": actions, "Resource": resources},
	}})
	if err != nil {
		t.Fatal(err)
	}
	creds, err := credentials.NewSTSAssumeRole(m.URL(), credentials.STSAssumeRoleOptions{
		AccessKey: MinIOAccessKey, SecretKey: MinIOSecretKey, Policy: string(policy), DurationSeconds: 3600,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := creds.GetWithContext(nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
