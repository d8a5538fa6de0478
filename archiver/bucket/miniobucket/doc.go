// Package miniobucket is a bucket in MinIO, by minio-go.
//
// What has to be told to minio-go:
//
//   - Each object's size; without it half a gigabyte is allocated (minio-go#1473).
//   - Over plain HTTP it would sign each chunk of the body, which other servers and
//     proxies refuse: the body is covered by Content-MD5 instead.
//   - The region, or it asks for it first.
//   - If-None-Match is dropped from its multipart uploads: s3http makes its own of
//     single requests.
//   - Without credentials it would send requests without a signature.
//
// Its retries are off: bucket.Retry has no limit, its own would give up after
// about ten seconds.
package miniobucket
