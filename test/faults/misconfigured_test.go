package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials" //nolint:depguard // MinIO's STS, which coldtail does not use

	"github.com/coldtail/coldtail/test/parts"
)

// misconfiguration is a setting that the store refuses.
type misconfiguration struct {
	name       string
	keys       func(t *testing.T, endpoint, region string) keys
	region     string // empty: the right one
	says, hint string
}

func misconfigurations() []misconfiguration {
	return []misconfiguration{
		{name: "wrong region", region: "us-west-2", says: "AuthorizationHeaderMalformed", hint: "set region to the bucket's own"},
		{
			name: "wrong secret", says: "SignatureDoesNotMatch", hint: "check the access key and the secret key",
			keys: func(*testing.T, string, string) keys {
				return keys{access: parts.MinIOAccessKey, secret: "another-secret-key"}
			},
		},
		{name: "access denied", keys: restricted, says: "AccessDenied", hint: "the credentials lack a permission"},
	}
}

// restricted are temporary keys that may list and read, but not write.
func restricted(t *testing.T, endpoint, region string) keys {
	t.Helper()
	sts, err := credentials.NewSTSAssumeRole("http://"+endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: parts.MinIOAccessKey, SecretKey: parts.MinIOSecretKey, Location: region, DurationSeconds: 900,
		Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::*"]}]}`,
	})
	check(t, err)
	v, err := sts.GetWithContext(nil)
	check(t, err)
	return keys{access: v.AccessKeyID, secret: v.SecretAccessKey, token: v.SessionToken}
}

func mend(t *testing.T, m misconfiguration, k kind, server *parts.MinIO, name, region string) {
	wrong, wrongRegion := goodKeys(), region
	if m.keys != nil {
		wrong = m.keys(t, server.Endpoint, region)
	}
	if m.region != "" {
		wrongRegion = m.region
	}
	wrong.setenv(t)
	state, j := t.TempDir(), newJournal(t)
	p := startProcess(t, state, wrong.open(t, k.url(server.Endpoint, name, wrongRegion)), j)
	running, stopped := newContainer(t, 0), newContainer(t, 1)
	running.start(p)
	stopped.start(p)
	running.print(1500)
	stopped.print(1500)
	stopped.stop(p)
	p.waitFor("uploads to fail again and again", func() bool {
		p.skip(time.Second)
		return p.counter("coldtail_upload_errors_total") >= 4 && strings.Contains(p.status().LastError, m.says)
	})
	running.judge("docker logs", p.logs(running))
	p.logTimes()
	p.end()
	failing := j.said(saysFailing)
	if len(failing) != 1 || !strings.Contains(failing[0], m.hint) || strings.Contains(failing[0], wrong.secret) {
		t.Errorf("logged %q, want one line with the hint %q", failing, m.hint)
	}
	running.print(100) // into the pipe: nobody reads

	goodKeys().setenv(t)
	b := goodKeys().open(t, k.url(server.Endpoint, name, region))
	p = startProcess(t, state, b, j)
	running.print(300)
	running.stop(p)
	p.flushStopped("")
	judgeArchive(t, b, running, stopped)
	p.logTimes()
	p.end()
}
