package bucketurl

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

var (
	isRegion       = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	isStorageClass = regexp.MustCompile(`^[A-Z0-9_]{1,64}$`)
	isKeyID        = regexp.MustCompile(`^[A-Za-z0-9:/_.-]+$`)
	// IAM's own patterns: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
	isRole        = regexp.MustCompile(`^arn:[A-Za-z0-9-]*:[A-Za-z0-9-]*:[A-Za-z0-9-]*:[A-Za-z0-9-]*:[A-Za-z0-9+=,.@:/_-]+$`)
	isExternalID  = regexp.MustCompile(`^[A-Za-z0-9+=,.@:/_-]{2,}$`)
	isSessionName = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{2,64}$`)
	isRetention   = regexp.MustCompile(`^([0-9]{1,5})([dy])$`)
)

const (
	leastMultipart = 5 << 20 // S3's least size of a part that is not the last
	mostMultipart  = 5 << 30 // S3's bound of one request
	mostParallel   = 64
)

// storeOptions are what s3:// and minio:// have in common.
func storeOptions(p *params) s3http.Options {
	o := s3http.Options{
		CAFile:          p.text("ca-file"),
		CredentialsFile: p.text("credentials-file"),
		Role: s3http.Role{
			ARN:         p.matching("role-arn", isRole),
			ExternalID:  p.matching("role-external-id", isExternalID),
			SessionName: p.matching("role-session-name", isSessionName),
			Endpoint:    p.endpoint("role-endpoint"),
		},
		StorageClass:   p.matching("storage-class", isStorageClass),
		Encryption:     encryption(p),
		Tags:           tags(p),
		Checksums:      s3http.Checksums(p.oneOf("request-checksum", string(s3http.WhenSupported), string(s3http.WhenRequired))),
		MultipartBytes: p.size("multipart-threshold", leastMultipart, mostMultipart, s3http.MultipartBytes),
		Concurrency:    p.number("concurrency", 1, mostParallel, s3http.Concurrency),
		Retention:      retention(p),
	}
	role := o.Role.ARN != ""
	p.needs("role-external-id", o.Role.ExternalID != "", "role-arn", role)
	p.needs("role-session-name", o.Role.SessionName != "", "role-arn", role)
	p.needs("role-endpoint", o.Role.Endpoint != "", "role-arn", role)
	return o
}

func encryption(p *params) s3http.Encryption {
	e := s3http.Encryption{Algorithm: p.oneOf("sse", "AES256", s3http.KMS), KeyID: p.matching("sse-kms-key-id", isKeyID)}
	if p.text("sse-bucket-key") != "" {
		on := p.boolean("sse-bucket-key", false)
		e.BucketKey = &on
	}
	p.needs("sse-kms-key-id", e.KeyID != "", "sse="+s3http.KMS, e.Algorithm == s3http.KMS)
	p.needs("sse-bucket-key", e.BucketKey != nil, "sse="+s3http.KMS, e.Algorithm == s3http.KMS)
	return e
}

// tags reads "team=ops,env=prod" by S3's rules:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
func tags(p *params) []s3http.Tag {
	const name = "tags"
	const mostTags, mostKey, mostValue = 10, 128, 256
	v := p.text(name)
	if v == "" {
		return nil
	}
	var found []s3http.Tag
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(v, ",") {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || key == "":
			p.wrong(name, v)
		case len([]rune(key)) > mostKey || len([]rune(value)) > mostValue:
			p.fail("%s: a key has at most %d characters and a value %d", p.label(name), mostKey, mostValue)
		case strings.ContainsFunc(key+value, notInTag):
			p.fail("%s=%q: keys and values have letters, digits, spaces and + - = . _ : / @", p.label(name), clip(v))
		case seen[key]:
			p.fail("%s has the key %q twice", p.label(name), key)
		}
		seen[key] = true
		found = append(found, s3http.Tag{Key: key, Value: value})
	}
	if len(found) > mostTags {
		p.wrong(name, v)
	}
	return found
}

func notInTag(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" +-=._:/@", r)
}

func retention(p *params) s3http.Retention {
	const name = "object-lock-retention"
	r := s3http.Retention{Mode: p.oneOf("object-lock-mode", s3http.Governance, s3http.Compliance)}
	v := p.text(name)
	if m := isRetention.FindStringSubmatch(v); m != nil {
		n, err := strconv.Atoi(m[1])
		switch {
		case err != nil || n < 1:
			p.wrong(name, v)
		case m[2] == "d":
			r.Days = n
		case n > 100: // S3's bound
			p.fail("%s=%q: at most 100 years", p.label(name), clip(v))
		default:
			r.Years = n
		}
	} else if v != "" {
		p.wrong(name, v)
	}
	p.needs("object-lock-mode", r.Mode != "", name, v != "")
	p.needs(name, v != "", "object-lock-mode", r.Mode != "")
	return r
}
