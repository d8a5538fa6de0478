package terraform

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/test/parts"
)

// rights are credentials that a policy of the module confines, as a session's
// policy does on AWS.
type rights struct{ credentials.Value }

func assume(t *testing.T, server *parts.MinIO, policy string) rights {
	t.Helper()
	c, err := credentials.NewSTSAssumeRole(server.URL(), credentials.STSAssumeRoleOptions{
		AccessKey: parts.MinIOAccessKey, SecretKey: parts.MinIOSecretKey, Location: parts.MinIORegion, Policy: policy,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.GetWithContext(nil)
	if err != nil {
		t.Fatalf("the server does not take the policy: %v", err)
	}
	return rights{v}
}

// env is what coldtail's SDK reads.
func (r rights) env() map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID": r.AccessKeyID, "AWS_SECRET_ACCESS_KEY": r.SecretAccessKey, "AWS_SESSION_TOKEN": r.SessionToken,
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	}
}

// run runs coldtail with these rights.
func (r rights) run(t *testing.T, binary, stdin string, args ...string) (stdout string, err error) {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	cmd.Env = os.Environ()
	for k, v := range r.env() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("coldtail %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), err
}

// open opens a bucket with these rights.
func (r rights) open(t *testing.T, url string) bucket.Bucket {
	t.Helper()
	for k, v := range r.env() {
		t.Setenv(k, v)
	}
	b, err := bucketurl.Open(t.Context(), url, os.Getenv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bucketURL(endpoint, prefix string) string {
	return strings.TrimSuffix("s3://"+bucketName+"/"+prefix, "/") + "?path-style=true&region=" + parts.MinIORegion + "&endpoint=" + endpoint
}

// TestPoliciesSuffice archives, reads back and verifies on a server that holds
// coldtail to the policies, with and without a prefix.
func TestPoliciesSuffice(t *testing.T) {
	for _, prefix := range []string{"", "prod/a"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			p := plan(t, "prefix="+prefix)
			writeOnly := plan(t, "prefix="+prefix, "writer_reads_back=false")
			server, binary := parts.StartMinIO(t), coldtail(t)
			server.CreateBucket(t, bucketName)
			url := bucketURL(server.URL(), prefix)
			writer := assume(t, server, p.policy(t, "aws_iam_policy.writer"))
			blind := assume(t, server, writeOnly.policy(t, "aws_iam_policy.writer"))
			reader := assume(t, server, p.policy(t, "aws_iam_policy.reader"))

			for name, r := range map[string]rights{"one": writer, "two": blind} {
				if _, err := r.run(t, binary, "hello\nworld\n", "pipe", "--name", name, "--bucket", url, "--state", t.TempDir()); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range []rights{writer, reader} {
				for _, name := range []string{"one", "two"} {
					if out, err := r.run(t, binary, "", "logs", name, "--bucket", url); err != nil || out != "hello\nworld\n" {
						t.Errorf("logs %s: %q, %v", name, out, err)
					}
				}
			}
			if out, err := reader.run(t, binary, "", "verify", "--bucket", url); err != nil || !strings.Contains(out, "2 objects") {
				t.Errorf("verify: %q, %v", out, err)
			}
			if out, err := blind.run(t, binary, "", "logs", "two", "--bucket", url); err == nil {
				t.Errorf("a writer that does not read gets %q", out)
			}
			denied(t, "reader's put", put(t, reader.open(t, url), "parquet/x"))
			testDoctor(t, writer.open(t, url), map[string]probe.Status{"put": probe.OK, "range get": probe.OK, "list": probe.OK, "conditional put": probe.OK})
			testDoctor(t, blind.open(t, url), map[string]probe.Status{"put": probe.OK, "range get": probe.Warn, "list": probe.Warn})
		})
	}
}

// testDoctor runs the checks of coldtail doctor on a bucket.
func testDoctor(t *testing.T, b bucket.Bucket, want map[string]probe.Status) {
	t.Helper()
	left := len(want)
	probe.Run(t.Context(), probe.Config{Bucket: b, Host: "h"}, func(r probe.Result) {
		if status, ok := want[r.Name]; ok {
			left--
			if r.Status != status {
				t.Errorf("doctor's check %q is %s: %s", r.Name, r.Status, r.Detail)
			}
		} else if r.Status == probe.Fail {
			t.Errorf("doctor's check %q fails: %s", r.Name, r.Detail)
		}
	})
	if left != 0 {
		t.Errorf("%d checks were not made", left)
	}
}

// TestPoliciesConfine tries what is outside of the policies.
func TestPoliciesConfine(t *testing.T) {
	p := plan(t, "prefix=prod/a")
	server := parts.StartMinIO(t)
	server.CreateBucket(t, bucketName)
	all := rights{credentials.Value{AccessKeyID: parts.MinIOAccessKey, SecretAccessKey: parts.MinIOSecretKey}}.open(t, bucketURL(server.URL(), ""))
	for _, key := range []string{"prod/a/parquet/x", "prod/a/other", "prod/b/parquet/x", "parquet/x"} {
		if err := put(t, all, key); err != nil {
			t.Fatal(err)
		}
	}
	for _, policy := range []string{"writer", "reader"} {
		b := assume(t, server, p.policy(t, "aws_iam_policy."+policy)).open(t, bucketURL(server.URL(), ""))
		if body, err := b.Get(t.Context(), "prod/a/parquet/x", bucket.GetOptions{}); err != nil {
			t.Errorf("%s: %v", policy, err)
		} else {
			_ = body.Close()
		}
		for _, key := range []string{"prod/a/other", "prod/b/parquet/x", "parquet/x"} {
			_, err := b.Get(t.Context(), key, bucket.GetOptions{})
			denied(t, policy+"'s get of "+key, err)
			denied(t, policy+"'s put of "+key, put(t, b, key))
		}
		denied(t, policy+"'s delete", b.Delete(t.Context(), "prod/a/parquet/x"))
		for prefix, allowed := range map[string]bool{"prod/a/": true, "prod/b/": false, "prod/": false, "": false} {
			var err error
			for _, err = range b.List(t.Context(), prefix, bucket.ListOptions{}) {
				if err != nil {
					break
				}
			}
			if allowed && err != nil {
				t.Errorf("%s's list of %q: %v", policy, prefix, err)
			} else if !allowed {
				denied(t, fmt.Sprintf("%s's list of %q", policy, prefix), err)
			}
		}
	}
}

func put(t *testing.T, b bucket.Bucket, key string) error {
	t.Helper()
	return b.Put(t.Context(), key, bytes.NewReader([]byte("x")), 1, bucket.PutOptions{})
}

func denied(t *testing.T, what string, err error) {
	t.Helper()
	if !bucket.Permanent(err) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("%s is not denied: %v", what, err)
	}
}
