package s3http

import "time"

// Options are what both clients do in the same way. The zero value leaves
// everything to the bucket, the store and the client.
type Options struct {
	// CAFile has certificates to trust beside the system's.
	CAFile string
	// CredentialsFile is in the form of ~/.aws/credentials. It counts before
	// all other sources and is read again every CredentialsAge.
	CredentialsFile string
	Role            Role

	// StorageClass of objects. Empty ones have nothing to store, and some
	// classes bill 128 KB for each: they stay in the bucket's own.
	StorageClass string
	Encryption   Encryption
	Tags         []Tag
	// Retention makes every Put conditional on that there is no such object.
	Retention Retention

	Checksums Checksums
	// MultipartBytes is the size above which an object is sent in parts.
	MultipartBytes int64
	// Concurrency is how many parts of one object are sent at once.
	Concurrency int
}

// CredentialsAge is how old what was read out of a CredentialsFile may become,
// so that keys can be exchanged while the process runs.
const CredentialsAge = 20 * time.Second

// Role is assumed with the credentials where it has an ARN.
type Role struct {
	ARN         string
	ExternalID  string
	SessionName string // empty is DefaultSessionName
	Endpoint    string // URL of STS; empty is up to the client
}

// DefaultSessionName is what audit logs show.
const DefaultSessionName = "coldtail"

// KMS is the Encryption.Algorithm with keys of a key management service.
const KMS = "aws:kms"

// Encryption asks the store to encrypt an object.
type Encryption struct {
	Algorithm string // "AES256" or KMS; empty is the bucket's own
	KeyID     string // with KMS; empty is the bucket's or the account's
	BucketKey *bool  // with KMS; nil is the bucket's own
}

// Tag of an object.
type Tag struct{ Key, Value string }

// Modes of Retention.
const (
	Governance = "GOVERNANCE"
	Compliance = "COMPLIANCE"
)

// Retention locks objects for a time after they are put. It is none where Mode
// is empty.
type Retention struct {
	Mode        string
	Years, Days int
}

// Until is when the retention of an object ends that is put now.
func (r Retention) Until(now time.Time) time.Time {
	return now.UTC().AddDate(r.Years, 0, r.Days).Truncate(time.Second)
}

// Checksums tells which one uploads carry, always in a header of its own.
type Checksums string

// They are called as by the AWS SDK's AWS_REQUEST_CHECKSUM_CALCULATION: a CRC32C,
// or a Content-MD5 where that is what the store is known to take. Never as
// trailers, which many stores refuse.
const (
	WhenSupported Checksums = "when-supported"
	WhenRequired  Checksums = "when-required"
)
