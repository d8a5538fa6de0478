package s3bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// Config of an S3 bucket. What is empty is up to the SDK's environment and profiles.
type Config struct {
	Bucket string
	// Region, such as eu-central-1. With an Endpoint it may be empty.
	Region string
	// Endpoint is the URL of a store other than Amazon's.
	Endpoint string
	// PathStyle puts the bucket's name into the path instead of the host's name,
	// which is the default where there is an endpoint, also of the SDK's environment
	// or profile: most stores have no host name for each bucket. HostStyle does not.
	PathStyle, HostStyle bool
	s3http.Options
}

// defaultRegion is what most stores take for any.
const defaultRegion = "us-east-1"

// googleHost is where Google speaks S3.
const googleHost = "storage.googleapis.com"

// Open prepares a client; it reads files but does not touch the network.
func Open(ctx context.Context, cfg Config) (*Bucket, error) {
	base := &http.Transport{}
	if err := s3http.Configure(base, cfg.CAFile); err != nil {
		return nil, fmt.Errorf("open s3 bucket: %w", err)
	}
	// The SDK's own client type, because only that can be given AWS_CA_BUNDLE.
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		_ = s3http.Configure(t, "")
		t.TLSClientConfig = base.TLSClientConfig
	}).WithReadTimeout(0) // s3http has one that heeds uploads
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithLogger(logging.Nop{}),
	}
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}
	shared, err := cfg.load(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("open s3 bucket: %w", err)
	}
	b := &Bucket{name: cfg.Bucket}
	b.client = s3.NewFromConfig(shared, func(o *s3.Options) { cfg.adapt(o, &shared) })
	if b.client.Options().Region == "" {
		return nil, errors.New("open s3 bucket: no region: add region= to the bucket's URL, or set AWS_REGION")
	}
	b.putter = s3http.NewPutter(&requests{b.client, b.name, cfg.Options}, cfg.Options, cfg.sums(&shared, b.client.Options().BaseEndpoint != nil))
	return b, nil
}

// load goes through the SDK's own chain of files and sources of credentials.
func (cfg *Config) load(ctx context.Context, options []func(*config.LoadOptions) error) (aws.Config, error) {
	file := cfg.CredentialsFile
	if file != "" {
		options = append(options, fromFile(file)...)
	}
	shared, err := config.LoadDefaultConfig(ctx, options...)
	switch {
	case err != nil && file != "":
		return shared, unreadable(file, err)
	case err != nil:
		return shared, fmt.Errorf("read AWS configuration: %w", err)
	case file != "":
		shared.Credentials = aws.NewCredentialsCache(reread{file, options})
	}
	if cfg.Role.ARN != "" {
		shared.Credentials = cfg.assume(&shared)
	}
	return shared, nil
}

// adapt applies what the stores differ in.
func (cfg *Config) adapt(o *s3.Options, shared *aws.Config) {
	o.UsePathStyle = cfg.PathStyle
	o.ContinueHeaderThresholdBytes = -1
	o.DisableLogOutputChecksumValidationSkipped = true
	// Checksums are put into headers by s3http: over TLS the SDK would send them
	// as trailers.
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	if cfg.CredentialsFile != "" {
		o.HTTPSignerV4 = &signer{options: []func(*v4.SignerOptions){
			func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }, // as S3's own
		}}
	}
	if cfg.Endpoint != "" {
		o.BaseEndpoint = &cfg.Endpoint
	}
	if o.BaseEndpoint == nil { // neither from AWS_ENDPOINT_URL
		return
	}
	o.UsePathStyle = !cfg.HostStyle
	if o.Region == "" {
		o.Region = defaultRegion
	}
	_, response := userChecksums(shared)
	o.ResponseChecksumValidation = cmp.Or(response, aws.ResponseChecksumValidationWhenRequired)
	if u, err := url.Parse(*o.BaseEndpoint); err == nil && (u.Hostname() == googleHost || strings.HasSuffix(u.Hostname(), "."+googleHost)) {
		o.APIOptions = append(o.APIOptions, dropAcceptEncoding)
	}
}

// sums is which checksums are sent: what the bucket's URL says, what the SDK's
// environment or profile says, or what the store is known to take.
func (cfg *Config) sums(shared *aws.Config, otherStore bool) s3http.SumKind {
	mode := cfg.Checksums
	request, _ := userChecksums(shared)
	switch {
	case mode != "":
	case request == aws.RequestChecksumCalculationWhenSupported:
		mode = s3http.WhenSupported
	case request == aws.RequestChecksumCalculationWhenRequired:
		mode = s3http.WhenRequired
	}
	if mode == s3http.WhenSupported || mode == "" && !otherStore {
		return s3http.SumCRC32C
	}
	return s3http.SumMD5
}

// userChecksums is what the user's environment or profile says about checksums.
// The configuration itself does not tell it from the SDK's default.
func userChecksums(shared *aws.Config) (request aws.RequestChecksumCalculation, response aws.ResponseChecksumValidation) {
	for _, source := range shared.ConfigSources { // the environment comes first
		switch c := source.(type) {
		case config.EnvConfig:
			request, response = cmp.Or(request, c.RequestChecksumCalculation), cmp.Or(response, c.ResponseChecksumValidation)
		case config.SharedConfig:
			request, response = cmp.Or(request, c.RequestChecksumCalculation), cmp.Or(response, c.ResponseChecksumValidation)
		}
	}
	return request, response
}

// dropAcceptEncoding keeps the header out of the signature.
func dropAcceptEncoding(stack *middleware.Stack) error {
	drop := middleware.FinalizeMiddlewareFunc("ColdtailDropAcceptEncoding",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			if req, ok := in.Request.(*smithyhttp.Request); ok {
				req.Header.Del("Accept-Encoding")
			}
			return next.HandleFinalize(ctx, in)
		})
	return stack.Finalize.Insert(drop, "Signing", middleware.Before)
}
