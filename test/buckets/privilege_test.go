package buckets

import (
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/test/parts"
)

// limited returns temporary credentials for some actions on keys below logs/.
func limited(t *testing.T, m *parts.MinIO, actions ...string) func(string) string {
	t.Helper()
	v := m.Session(t, actions, "arn:aws:s3:::*/logs/*")
	getenv := credentials(t, v.AccessKeyID, v.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", v.SessionToken)
	return func(name string) string {
		if name == "MINIO_SESSION_TOKEN" {
			return v.SessionToken
		}
		return getenv(name)
	}
}

// TestLeastPrivilege archives with the permissions of a writer that reads
// nothing back, and with no other: no delete, no list, no bucket location.
func TestLeastPrivilege(t *testing.T) {
	server := parts.StartMinIO(t)
	name := server.CreateBucket(t, newName())
	for how, actions := range map[string][]string{
		"put only":         {"s3:PutObject"},
		"Terraform module": {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject"},
	} {
		getenv := limited(t, server, actions...)
		for kindName, url := range map[string]string{
			"s3":    "s3://" + name + "/logs?endpoint=" + server.URL() + inParts,
			"minio": "minio://" + server.Endpoint + "/" + name + "/logs?tls=false" + inParts,
		} {
			b := open(t, url, getenv)
			for _, size := range sizes {
				for _, fill := range []string{"x", "y"} { // the second time it is there already
					if err := putSize(t, b, how+"/"+kindName, size, fill); err != nil {
						t.Errorf("%s, %s, %d bytes: %v", how, kindName, size, err)
					}
				}
			}
			outside := open(t, "s3://"+name+"/other?endpoint="+server.URL(), getenv)
			if err := putSize(t, outside, "k", 1, "x"); !bucket.Permanent(err) {
				t.Errorf("%s: outside of the prefix: %v", how, err)
			}
		}
	}
}
