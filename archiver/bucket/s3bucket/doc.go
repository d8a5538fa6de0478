// Package s3bucket is a bucket in Amazon S3 or a store that speaks its
// protocol, by aws-sdk-go-v2. Credentials come from the SDK's own chain:
// environment, shared profiles, SSO, web identity, ECS, instance metadata.
//
// Where stores other than Amazon's differ:
//
//   - Checksums that the SDK adds since 2025 as aws-chunked trailers are refused
//     by R2, B2, older MinIO and Ceph (aws-sdk-go-v2#2960): they are sent as
//     headers, and with an endpoint of one's own as Content-MD5.
//   - Google rewrites Accept-Encoding, which the SDK signs (#1816): it is not sent there.
//   - Expect: 100-continue upsets some proxies (#1451): it is never sent.
//   - If-None-Match may be unknown: then objects are put without it.
//
// The SDK's retries are off: bucket.Retry has no limit, the SDK's would give up
// in a total outage (#3413). What a Put consists of is in s3http, as for miniobucket.
package s3bucket
