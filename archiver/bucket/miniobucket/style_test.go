package miniobucket

import (
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// TestPathStyle looks at a signed URL, which is made as requests are: a bucket in
// the host's name has an address only where somebody's DNS gives it one.
func TestPathStyle(t *testing.T) {
	nothing(t)
	for hostStyle, want := range map[bool]string{false: "store.example:9000/logs/a/k", true: "logs.store.example:9000/a/k"} {
		b, err := Open(Config{Endpoint: "store.example:9000", Bucket: "logs", HostStyle: hostStyle, AccessKey: "access", SecretKey: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := b.core.PresignedGetObject(t.Context(), b.name, "a/k", time.Minute, nil)
		if err != nil || u.Host+u.Path != want {
			t.Errorf("host style %v: %v, %v, want %s", hostStyle, u, err, want)
		}
	}
}

// TestMetadataDisabled: AWS_EC2_METADATA_DISABLED is heeded as by the AWS SDK,
// unless credentials come over the network from elsewhere.
func TestMetadataDisabled(t *testing.T) {
	nothing(t)
	for name, tc := range map[string]struct {
		disabled, token string
		asks            bool
	}{
		"enabled": {"", "", true}, "disabled": {"true", "", false}, "in capitals": {"TRUE", "", false}, "web identity": {"true", "/run/token", true},
	} {
		t.Setenv("AWS_EC2_METADATA_DISABLED", tc.disabled)
		t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", tc.token)
		asks := slices.ContainsFunc((&Config{}).sources(), func(p credentials.Provider) bool { _, ok := p.(*credentials.IAM); return ok })
		if asks != tc.asks {
			t.Errorf("%s: asks: %v", name, asks)
		}
	}
}
