package s3bucket

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

const (
	parallelParts = 4
	abortTimeout  = 10 * time.Second
)

// putParts is written by hand because the SDK's transfer manager adds the
// trailers that other stores refuse (aws-sdk-go-v2#3469).
func (b *Bucket) putParts(ctx context.Context, key string, src *bucket.Source, sizeBytes int64, opts bucket.PutOptions) error {
	if opts.IfAbsent {
		// The condition is only tested when all parts are there: ask before.
		if _, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key}); err == nil {
			return nil
		}
	}
	upload, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &b.name, Key: &key, ContentType: optional(opts.ContentType),
	})
	if err != nil {
		return err
	}
	parts, err := b.sendParts(ctx, key, upload.UploadId, src, sizeBytes)
	if err == nil {
		err = b.complete(ctx, key, upload.UploadId, parts, opts.IfAbsent && !b.plainPut.Load())
	}
	if err == nil {
		return nil
	}
	// Parts cost as much as objects. Also when ctx has ended; and if this
	// fails, the bucket's rule for incomplete uploads is there.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, _ = b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: &key, UploadId: upload.UploadId})
	if _, status := answer(err); opts.IfAbsent && status == http.StatusPreconditionFailed {
		return nil
	}
	return err
}

func (b *Bucket) sendParts(ctx context.Context, key string, upload *string, src *bucket.Source, sizeBytes int64) ([]types.CompletedPart, error) {
	partSize := s3http.PartSize(sizeBytes)
	parts := make([]types.CompletedPart, (sizeBytes+partSize-1)/partSize)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelParts)
	for i := range parts {
		offset := int64(i) * partSize
		length := min(partSize, sizeBytes-offset)
		number := aws.Int32(int32(i + 1))
		g.Go(func() error {
			out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: &b.name, Key: &key, UploadId: upload, PartNumber: number,
				Body: io.NewSectionReader(src, offset, length), ContentLength: &length,
			})
			if err != nil {
				return err
			}
			parts[i] = types.CompletedPart{
				PartNumber: number, ETag: out.ETag,
				ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumCRC64NVME: out.ChecksumCRC64NVME,
				ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
			}
			return nil
		})
	}
	return parts, g.Wait()
}

func (b *Bucket) complete(ctx context.Context, key string, upload *string, parts []types.CompletedPart, conditional bool) error {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &b.name, Key: &key, UploadId: upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}
	if conditional {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := b.client.CompleteMultipartUpload(ctx, in)
	if code, status := answer(err); conditional && err != nil && s3http.RejectsCondition(code, status) {
		in.IfNoneMatch = nil
		_, err = b.client.CompleteMultipartUpload(ctx, in)
	}
	return err
}
