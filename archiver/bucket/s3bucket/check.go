package s3bucket

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

var _ bucket.Checker = (*Bucket)(nil)

// Reach implements bucket.Checker.
func (b *Bucket) Reach(ctx context.Context) (bucket.Reached, error) {
	// Only a client that is made so sends no signature.
	options := b.client.Options()
	options.Credentials = aws.AnonymousCredentials{}
	options.AuthSchemeResolver = nil
	asked := time.Now()
	out, err := s3.New(options).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name})
	if resp := rawResponse(out, err); resp != nil { //nolint:bodyclose // the SDK has closed it
		return s3http.Describe(resp, asked, time.Now()), nil
	}
	return bucket.Reached{}, wrap(ctx, bucket.OpReach, "", err)
}

// rawResponse is nil where there was no answer.
func rawResponse(out *s3.HeadBucketOutput, err error) *http.Response {
	if err == nil {
		if resp, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok {
			return resp.Response
		}
		return nil
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.HTTPStatusCode() != 0 {
		return response.Response.Response
	}
	return nil
}

// AbortRule implements bucket.Checker.
func (b *Bucket) AbortRule(ctx context.Context, prefix string) (days int, err error) {
	out, err := b.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.name})
	if err != nil {
		if code, _ := answer(err); code == s3http.CodeNoLifecycle {
			return 0, nil
		}
		return 0, wrap(ctx, bucket.OpLifecycle, "", err)
	}
	var rules []s3http.AbortRule
	for i := range out.Rules {
		rules = append(rules, abortRule(&out.Rules[i]))
	}
	return s3http.AbortDays(rules, prefix), nil
}

func abortRule(r *types.LifecycleRule) s3http.AbortRule {
	rule := s3http.AbortRule{Enabled: r.Status == types.ExpirationStatusEnabled}
	// Without a filter a rule is of the older form, with the prefix beside it.
	//nolint:staticcheck // as that form is still answered
	rule.Prefix = aws.ToString(r.Prefix)
	if f := r.Filter; f != nil {
		rule.Prefix = aws.ToString(f.Prefix)
		if f.And != nil {
			rule.Prefix = aws.ToString(f.And.Prefix)
		}
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		rule.Days = int(aws.ToInt32(a.DaysAfterInitiation))
	}
	return rule
}

// Erase implements bucket.Checker.
func (b *Bucket) Erase(ctx context.Context, key string) (kept bool, err error) {
	out, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		if errors.Is(sentinel(err), bucket.ErrNotFound) {
			return false, nil
		}
		return false, wrap(ctx, bucket.OpDelete, key, err)
	}
	if !aws.ToBool(out.DeleteMarker) {
		return false, nil
	}
	pages := s3.NewListObjectVersionsPaginator(b.client, &s3.ListObjectVersionsInput{Bucket: &b.name, Prefix: &key})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return true, nil //nolint:nilerr // the object itself is gone
		}
		for _, v := range page.Versions {
			kept = !b.eraseVersion(ctx, key, v.Key, v.VersionId) || kept
		}
		for _, m := range page.DeleteMarkers {
			kept = !b.eraseVersion(ctx, key, m.Key, m.VersionId) || kept
		}
	}
	return kept, nil
}

// eraseVersion tells whether the version is gone, or is another key's.
func (b *Bucket) eraseVersion(ctx context.Context, key string, listed, version *string) bool {
	if aws.ToString(listed) != key {
		return true
	}
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key, VersionId: version})
	return err == nil
}
