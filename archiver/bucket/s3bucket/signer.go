package s3bucket

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signer is the SDK's, begun anew where a secret key is exchanged. The SDK's
// derives its signing key once a day for each access key, whatever becomes of
// the secret: one that was mended in a file would be wrong until midnight.
type signer struct {
	options []func(*v4.SignerOptions)

	mu     sync.Mutex
	secret string
	v4     *v4.Signer
}

// SignHTTP implements the clients' HTTPSignerV4.
func (s *signer) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, payloadHash, service, region string, at time.Time, options ...func(*v4.SignerOptions)) error {
	return s.of(c.SecretAccessKey).SignHTTP(ctx, c, r, payloadHash, service, region, at, append(options, s.options...)...)
}

func (s *signer) of(secret string) *v4.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.v4 == nil || s.secret != secret {
		s.secret, s.v4 = secret, v4.NewSigner()
	}
	return s.v4
}
