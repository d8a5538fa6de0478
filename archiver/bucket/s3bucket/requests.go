package s3bucket

import (
	"context"
	"io"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// requests are the requests of which s3http.Putter makes a Put.
type requests struct {
	client *s3.Client
	name   string
	opts   s3http.Options
}

var _ s3http.Requests[types.CompletedPart] = (*requests)(nil)

func (r *requests) PutObject(ctx context.Context, u *s3http.Upload, content *io.SectionReader, sum s3http.Sum, conditional bool) (etag string, err error) {
	in := &s3.PutObjectInput{
		Bucket: &r.name, Key: &u.Key, ContentType: optional(u.ContentType),
		Body: content, ContentLength: &u.SizeBytes,
		ContentMD5: optional(sum.MD5), ChecksumCRC32C: optional(sum.CRC32C), ChecksumAlgorithm: algorithm(sum.CRC32C != ""),
		IfNoneMatch: onlyIf(conditional),

		StorageClass:         r.storageClass(u),
		ServerSideEncryption: types.ServerSideEncryption(r.opts.Encryption.Algorithm),
		SSEKMSKeyId:          optional(r.opts.Encryption.KeyID),
		BucketKeyEnabled:     r.opts.Encryption.BucketKey,
		Tagging:              optional(r.tagging()),
	}
	if !u.RetainUntil.IsZero() {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockMode(r.opts.Retention.Mode), &u.RetainUntil
	}
	out, err := r.client.PutObject(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

func (r *requests) Exists(ctx context.Context, key string) bool {
	_, err := r.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &r.name, Key: &key})
	return err == nil
}

func (r *requests) CreateUpload(ctx context.Context, u *s3http.Upload, kind s3http.SumKind) (id string, err error) {
	in := &s3.CreateMultipartUploadInput{
		Bucket: &r.name, Key: &u.Key, ContentType: optional(u.ContentType),
		ChecksumAlgorithm: algorithm(kind == s3http.SumCRC32C),

		StorageClass:         r.storageClass(u),
		ServerSideEncryption: types.ServerSideEncryption(r.opts.Encryption.Algorithm),
		SSEKMSKeyId:          optional(r.opts.Encryption.KeyID),
		BucketKeyEnabled:     r.opts.Encryption.BucketKey,
		Tagging:              optional(r.tagging()),
	}
	if !u.RetainUntil.IsZero() {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockMode(r.opts.Retention.Mode), &u.RetainUntil
	}
	out, err := r.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.UploadId), nil
}

func (r *requests) UploadPart(ctx context.Context, u *s3http.Upload, id string, number int, content *io.SectionReader, sum s3http.Sum) (types.CompletedPart, error) {
	n := aws.Int32(int32(number))
	out, err := r.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &r.name, Key: &u.Key, UploadId: &id, PartNumber: n,
		Body: content, ContentLength: aws.Int64(content.Size()),
		ContentMD5: optional(sum.MD5), ChecksumCRC32C: optional(sum.CRC32C), ChecksumAlgorithm: algorithm(sum.CRC32C != ""),
	})
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{PartNumber: n, ETag: out.ETag, ChecksumCRC32C: optional(sum.CRC32C)}, nil
}

func (r *requests) CompleteUpload(ctx context.Context, u *s3http.Upload, id string, parts []types.CompletedPart, conditional bool) (etag string, err error) {
	out, err := r.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &r.name, Key: &u.Key, UploadId: &id, IfNoneMatch: onlyIf(conditional),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

func (r *requests) AbortUpload(ctx context.Context, u *s3http.Upload, id string) error {
	_, err := r.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &r.name, Key: &u.Key, UploadId: &id})
	return err
}

func (r *requests) Answer(err error) (code string, status int) { return answer(err) }

func (r *requests) Classify(err error) (permanent bool, hint string) { return classify(err) }

func (r *requests) storageClass(u *s3http.Upload) types.StorageClass {
	if u.SizeBytes == 0 {
		return ""
	}
	return types.StorageClass(r.opts.StorageClass)
}

// tagging is the tags as S3 takes them in a header, like a URL's query.
func (r *requests) tagging() string {
	values := url.Values{}
	for _, t := range r.opts.Tags {
		values.Set(t.Key, t.Value)
	}
	return values.Encode()
}

func algorithm(crc32c bool) types.ChecksumAlgorithm {
	if crc32c {
		return types.ChecksumAlgorithmCrc32c
	}
	return ""
}

// onlyIf is the condition that there is no such object.
func onlyIf(conditional bool) *string {
	if conditional {
		return aws.String("*")
	}
	return nil
}
