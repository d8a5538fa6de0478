package miniobucket

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

// Headers that minio-go has no option for.
const (
	headerCRC32C    = "X-Amz-Checksum-Crc32c"
	headerAlgorithm = "X-Amz-Checksum-Algorithm"
	headerBucketKey = "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"
)

// requests are the requests of which s3http.Putter makes a Put.
type requests struct {
	core *minio.Core
	name string
	opts s3http.Options
}

var _ s3http.Requests[minio.CompletePart] = (*requests)(nil)

// options are those of an object, in one request or in parts.
func (r *requests) options(u *s3http.Upload) minio.PutObjectOptions {
	in := minio.PutObjectOptions{ContentType: u.ContentType, DisableContentSha256: true, UserMetadata: map[string]string{}}
	if u.SizeBytes > 0 {
		in.StorageClass = r.opts.StorageClass
	}
	if r.opts.Encryption.Algorithm != "" {
		in.ServerSideEncryption = encryption(r.opts.Encryption)
	}
	for i, t := range r.opts.Tags {
		if i == 0 {
			in.UserTags = map[string]string{}
		}
		in.UserTags[t.Key] = t.Value
	}
	if !u.RetainUntil.IsZero() {
		in.Mode, in.RetainUntilDate = minio.RetentionMode(r.opts.Retention.Mode), u.RetainUntil
	}
	return in
}

func (r *requests) PutObject(ctx context.Context, u *s3http.Upload, content *io.SectionReader, sum s3http.Sum, conditional bool) (etag string, err error) {
	in := r.options(u)
	if sum.CRC32C != "" {
		in.UserMetadata[headerCRC32C] = sum.CRC32C
	}
	if conditional {
		in.SetMatchETagExcept("*")
	}
	info, err := r.core.PutObject(ctx, r.name, u.Key, content, u.SizeBytes, sum.MD5, "", in)
	return info.ETag, spell(err)
}

func (r *requests) Exists(ctx context.Context, key string) bool {
	_, err := r.core.StatObject(ctx, r.name, key, minio.StatObjectOptions{})
	return err == nil
}

func (r *requests) CreateUpload(ctx context.Context, u *s3http.Upload, kind s3http.SumKind) (id string, err error) {
	in := r.options(u)
	if kind == s3http.SumCRC32C {
		in.UserMetadata[headerAlgorithm] = "CRC32C"
	}
	id, err = r.core.NewMultipartUpload(ctx, r.name, u.Key, in)
	return id, spell(err)
}

func (r *requests) UploadPart(ctx context.Context, u *s3http.Upload, id string, number int, content *io.SectionReader, sum s3http.Sum) (minio.CompletePart, error) {
	in := minio.PutObjectPartOptions{Md5Base64: sum.MD5, DisableContentSha256: true}
	if sum.CRC32C != "" {
		in.CustomHeader = http.Header{headerCRC32C: []string{sum.CRC32C}}
	}
	part, err := r.core.PutObjectPart(ctx, r.name, u.Key, id, number, content, content.Size(), in)
	return minio.CompletePart{PartNumber: number, ETag: part.ETag, ChecksumCRC32C: sum.CRC32C}, spell(err)
}

func (r *requests) CompleteUpload(ctx context.Context, u *s3http.Upload, id string, parts []minio.CompletePart, conditional bool) (etag string, err error) {
	var in minio.PutObjectOptions
	if conditional {
		in.SetMatchETagExcept("*")
	}
	info, err := r.core.CompleteMultipartUpload(ctx, r.name, u.Key, id, parts, in)
	return info.ETag, spell(err)
}

func (r *requests) AbortUpload(ctx context.Context, u *s3http.Upload, id string) error {
	return r.core.AbortMultipartUpload(ctx, r.name, u.Key, id)
}

func (r *requests) Answer(err error) (code string, status int) { return answer(err) }

func (r *requests) Classify(err error) (permanent bool, hint string) { return classify(err) }

// encryption is an encrypt.ServerSide that knows bucket keys, which minio-go's own
// does not.
type encryption s3http.Encryption

func (e encryption) Type() encrypt.Type {
	if e.Algorithm == s3http.KMS {
		return encrypt.KMS
	}
	return encrypt.S3
}

func (e encryption) Marshal(h http.Header) {
	h.Set(encrypt.SseGenericHeader, e.Algorithm)
	if e.KeyID != "" {
		h.Set(encrypt.SseKmsKeyID, e.KeyID)
	}
	if e.BucketKey != nil {
		h.Set(headerBucketKey, strconv.FormatBool(*e.BucketKey))
	}
}
