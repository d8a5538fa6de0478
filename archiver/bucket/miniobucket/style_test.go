package miniobucket

import (
	"testing"
	"time"
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
