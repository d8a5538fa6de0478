package miniobucket

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

var _ bucket.Checker = (*Bucket)(nil)

// Reach implements bucket.Checker.
func (b *Bucket) Reach(ctx context.Context) (bucket.Reached, error) {
	u := b.core.EndpointURL().JoinPath(b.name)
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.String(), http.NoBody)
	if err != nil {
		return bucket.Reached{}, wrap(ctx, bucket.OpReach, "", err)
	}
	asked := time.Now()
	client := &http.Client{Transport: b.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return bucket.Reached{}, wrap(ctx, bucket.OpReach, "", err)
	}
	_ = resp.Body.Close()
	return s3http.Describe(resp, asked, time.Now()), nil
}

// AbortRule implements bucket.Checker.
func (b *Bucket) AbortRule(ctx context.Context, prefix string) (days int, err error) {
	cfg, err := b.core.GetBucketLifecycle(ctx, b.name)
	if err != nil {
		if code, _ := answer(err); code == s3http.CodeNoLifecycle {
			return 0, nil
		}
		return 0, wrap(ctx, bucket.OpLifecycle, "", err)
	}
	var rules []s3http.AbortRule
	for i := range cfg.Rules {
		rules = append(rules, abortRule(&cfg.Rules[i]))
	}
	return s3http.AbortDays(rules, prefix), nil
}

func abortRule(r *lifecycle.Rule) s3http.AbortRule {
	rule := s3http.AbortRule{Enabled: r.Status == "Enabled", Days: int(r.AbortIncompleteMultipartUpload.DaysAfterInitiation)}
	for _, prefix := range []string{r.Prefix, r.RuleFilter.Prefix, r.RuleFilter.And.Prefix} {
		if prefix != "" {
			rule.Prefix = prefix
		}
	}
	return rule
}

// Erase implements bucket.Checker.
func (b *Bucket) Erase(ctx context.Context, key string) (kept bool, err error) {
	err = sentinel(b.core.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{}))
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, wrap(ctx, bucket.OpDelete, key, err)
	}
	// The client does not tell whether that left a delete marker.
	versions := b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true})
	for v := range versions {
		switch {
		case v.Err != nil:
			return true, nil
		case v.Key != key:
			continue
		}
		if b.core.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{VersionID: v.VersionID}) != nil {
			kept = true
		}
	}
	return kept || ctx.Err() != nil, nil
}
