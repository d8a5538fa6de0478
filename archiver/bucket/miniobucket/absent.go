package miniobucket

import (
	"context"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// absent tells whether a Get was refused because there is no such object: to
// whoever may list only the keys of one prefix some stores, as Amazon's, answer
// 403 and not 404. A listing of that very key names the prefix.
func (b *Bucket) absent(ctx context.Context, key string, refusal error) bool {
	if _, status := answer(refusal); status != http.StatusForbidden {
		return false
	}
	noOwner := false
	objects := b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: key, Recursive: true, MaxKeys: 1, FetchOwner: &noOwner})
	for o := range objects {
		return o.Err == nil && o.Key != key // a key comes before all longer ones
	}
	return ctx.Err() == nil
}
