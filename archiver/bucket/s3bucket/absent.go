package s3bucket

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// absent tells whether a Get was refused because there is no such object. To
// whoever may list only the keys of one prefix Amazon answers 403 and not 404:
// the request for an object names no prefix, so that the permission to list does
// not apply to it. It does to a listing of that very key.
func (b *Bucket) absent(ctx context.Context, key string, refusal error) bool {
	if _, status := answer(refusal); status != http.StatusForbidden {
		return false
	}
	out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &key, MaxKeys: aws.Int32(1)})
	// A key comes before all longer ones that start with it.
	return err == nil && (len(out.Contents) == 0 || aws.ToString(out.Contents[0].Key) != key)
}
