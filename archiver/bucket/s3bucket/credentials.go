package s3bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// fromFile makes the SDK take a profile of a file, before the environment and
// all else.
func fromFile(file string) []func(*config.LoadOptions) error {
	return []func(*config.LoadOptions) error{
		config.WithSharedCredentialsFiles([]string{file}),
		config.WithSharedConfigProfile(cmp.Or(os.Getenv("AWS_PROFILE"), "default")),
	}
}

// reread is the SDK's own chain, gone through again when what it gave may have
// been exchanged: the SDK reads files only once.
type reread struct {
	file    string
	options []func(*config.LoadOptions) error
}

// Retrieve implements aws.CredentialsProvider.
func (r reread) Retrieve(ctx context.Context) (aws.Credentials, error) {
	shared, err := config.LoadDefaultConfig(ctx, r.options...)
	if err != nil {
		return aws.Credentials{}, unreadable(r.file, err)
	}
	c, err := shared.Credentials.Retrieve(ctx)
	if err == nil && !c.CanExpire {
		c.CanExpire, c.Expires = true, time.Now().Add(s3http.CredentialsAge)
	}
	return c, err
}

// unreadable tells what is wrong with a credentials file without any of its content.
func unreadable(file string, err error) error {
	var path *os.PathError
	var profile config.SharedConfigProfileNotExistError
	if _, ferr := os.ReadFile(file); errors.As(ferr, &path) {
		return fmt.Errorf("read credentials-file: %w", ferr)
	}
	if errors.As(err, &profile) {
		return fmt.Errorf("read credentials-file: %s has no profile %q", file, profile.Profile)
	}
	return fmt.Errorf("read credentials-file: %s is not in the form of ~/.aws/credentials", file)
}

// assume exchanges the credentials for those of the configured role.
func (cfg *Config) assume(shared *aws.Config) aws.CredentialsProvider {
	role := cfg.Role
	client := sts.NewFromConfig(*shared, func(o *sts.Options) {
		o.Region = cmp.Or(o.Region, defaultRegion)
		if cfg.CredentialsFile != "" {
			o.HTTPSignerV4 = &signer{}
		}
		switch {
		case role.Endpoint != "":
			o.BaseEndpoint = &role.Endpoint
		case o.BaseEndpoint == nil && cfg.Endpoint != "" && !amazon(cfg.Endpoint): // neither from AWS_ENDPOINT_URL_STS
			o.BaseEndpoint = &cfg.Endpoint
		}
	})
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, role.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(role.SessionName, s3http.DefaultSessionName)
		o.ExternalID = optional(role.ExternalID)
	}))
}

// amazon tells whether an endpoint is Amazon's, such as one in a private network,
// which gives no roles.
func amazon(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := u.Hostname()
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}
