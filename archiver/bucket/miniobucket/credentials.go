package miniobucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

var (
	errNoCredentials = errors.New("no credentials found")
	errRole          = errors.New("assume role")
)

// credentials are those of the configured role, or what it is assumed with.
func (cfg *Config) credentials() (*credentials.Credentials, error) {
	if (cfg.AccessKey == "") != (cfg.SecretKey == "") {
		return nil, errors.New("set both MINIO_ACCESS_KEY and MINIO_SECRET_KEY, or none")
	}
	var base credentials.Provider = &chain{Chain: credentials.Chain{Providers: cfg.sources()}}
	if cfg.CredentialsFile != "" {
		base = &file{path: cfg.CredentialsFile}
		if _, err := base.RetrieveWithCredContext(nil); err != nil {
			return nil, err
		}
	}
	if cfg.Role.ARN == "" {
		return credentials.New(base), nil
	}
	return credentials.New(&role{base: credentials.New(base), role: cfg.Role, region: cfg.Region}), nil
}

// sources are the SDK's, in the order of the AWS SDK's chain.
func (cfg *Config) sources() []credentials.Provider {
	var list []credentials.Provider
	if cfg.AccessKey != "" {
		list = append(list, &credentials.Static{Value: credentials.Value{
			AccessKeyID: cfg.AccessKey, SecretAccessKey: cfg.SecretKey, SessionToken: cfg.SessionToken, SignerType: credentials.SignatureV4,
		}})
	}
	list = append(list, &credentials.EnvAWS{}, &credentials.FileAWSCredentials{})
	if !metadataDisabled() {
		list = append(list, &credentials.IAM{Region: cfg.Region})
	}
	return list
}

// metadataDisabled heeds the AWS SDK's variable, which minio-go does not, where
// the instance's metadata would be what is asked.
func metadataDisabled() bool {
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		if os.Getenv(name) != "" {
			return false
		}
	}
	return strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true")
}

// chain is minio-go's, which makes requests without a signature where it finds
// nothing: these would be taken for a lack of permissions.
type chain struct{ credentials.Chain }

// metadataTimeout is for hosts where nobody answers at the metadata's address.
const metadataTimeout = 5 * time.Second

func (c *chain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	ctx := context.Background()
	if cc != nil && cc.Context != nil {
		ctx = cc.Context
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	// Not by the store's client, which trusts others.
	v, err := c.Chain.RetrieveWithCredContext(&credentials.CredContext{Client: http.DefaultClient, Context: ctx})
	if err == nil && v.SignerType == credentials.SignatureAnonymous {
		err = errNoCredentials
	}
	return v, err
}

func (c *chain) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

// file is minio-go's reader of ~/.aws/credentials, used again now and then: keys
// may be exchanged.
type file struct {
	credentials.Expiry
	path string
}

func (f *file) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	reader := &credentials.FileAWSCredentials{Filename: f.path, Profile: cmp.Or(os.Getenv("AWS_PROFILE"), "default")}
	v, err := reader.RetrieveWithCredContext(cc)
	if err == nil && v.AccessKeyID == "" {
		err = errNoCredentials
	}
	if err != nil {
		return v, f.unreadable(reader.Profile, err)
	}
	expires := time.Now().Add(s3http.CredentialsAge)
	if !v.Expiration.IsZero() && v.Expiration.Before(expires) {
		expires = v.Expiration
	}
	f.SetExpiration(expires, 0)
	return v, nil
}

func (f *file) Retrieve() (credentials.Value, error) { return f.RetrieveWithCredContext(nil) }

// unreadable tells what is wrong with the file without any of its content, which
// the parser's errors quote.
func (f *file) unreadable(profile string, err error) error {
	var path *os.PathError
	switch {
	case errors.As(err, &path):
		return fmt.Errorf("read credentials-file: %w", err)
	case strings.Contains(err.Error(), "does not exist"): // a section, as the parser's package says it
		return fmt.Errorf("read credentials-file: %s has no profile %q", f.path, profile)
	}
	return fmt.Errorf("read credentials-file: %s is not in the form of ~/.aws/credentials, or its profile %q has no keys", f.path, profile)
}

// role exchanges credentials for those of a role.
type role struct {
	credentials.Expiry
	base   *credentials.Credentials
	role   s3http.Role
	region string
}

func (r *role) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	base, err := r.base.GetWithContext(cc)
	if err != nil {
		return credentials.Value{}, err
	}
	// An empty endpoint is the store's own, of which cc tells.
	v, err := (&credentials.STSAssumeRole{STSEndpoint: r.role.Endpoint, Options: credentials.STSAssumeRoleOptions{
		AccessKey: base.AccessKeyID, SecretKey: base.SecretAccessKey, SessionToken: base.SessionToken, Location: r.region,
		RoleARN: r.role.ARN, ExternalID: r.role.ExternalID, RoleSessionName: cmp.Or(r.role.SessionName, s3http.DefaultSessionName),
	}}).RetrieveWithCredContext(cc)
	if err != nil {
		return v, fmt.Errorf("%w: %w", errRole, err)
	}
	r.SetExpiration(v.Expiration, credentials.DefaultExpiryWindow)
	return v, nil
}

func (r *role) Retrieve() (credentials.Value, error) { return r.RetrieveWithCredContext(nil) }
