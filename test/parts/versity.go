package parts

import "testing"

// versityVersion of the gateway, which keeps objects as files in a folder.
const versityVersion = "v1.8.0"

// The credentials of every VersityGW that the tests start.
const (
	VersityAccessKey = "coldtail-versity"
	VersitySecretKey = "coldtail-versity-secret"
)

// VersityGW is a second S3 server, which has no code in common with MinIO.
type VersityGW struct {
	server
	// Dir has the buckets as folders.
	Dir string
}

// StartVersityGW starts a gateway with an empty folder, with a certificate of
// the authority or, if that is nil, without TLS; it ends with the test.
func StartVersityGW(t testing.TB, authority *Authority) *VersityGW {
	t.Helper()
	binary, err := versityBinary()
	if err != nil {
		t.Fatal(err)
	}
	endpoint := FreePort(t)
	v := &VersityGW{Dir: t.TempDir()}
	argv := []string{binary, "--port", endpoint, "--region", MinIORegion, "--health", "/health", "--quiet"}
	if authority != nil {
		cert, key := authority.Issue(t, t.TempDir(), "cert.pem", "key.pem")
		argv = append(argv, "--cert", cert, "--key", key)
	}
	v.server = server{
		Endpoint: endpoint, name: "versitygw", health: "/health", tls: authority,
		argv: append(argv, "posix", "--versioning-dir", t.TempDir(), v.Dir),
		env:  []string{"ROOT_ACCESS_KEY=" + VersityAccessKey, "ROOT_SECRET_KEY=" + VersitySecretKey},
	}
	v.run(t, VersityAccessKey, VersitySecretKey)
	return v
}

func versityBinary() (string, error) {
	return goBinary("versitygw", "github.com/versity/versitygw/cmd/versitygw", versityVersion)
}
