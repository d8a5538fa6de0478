package bucketurl

import (
	"slices"
	"strings"
)

// The schemes of buckets' URLs.
const (
	schemeFile  = "file"
	schemeS3    = "s3"
	schemeMinIO = "minio"
)

// Option is a parameter of a bucket's URL.
type Option struct {
	// Name in the URL, such as path-style.
	Name string
	// Schemes whose URLs take it.
	Schemes []string
	// Values tells what is allowed.
	Values string
	// Default tells what holds without it.
	Default string
	// Description is a clause without a full stop.
	Description string
}

// Env is the variable that stands in for the parameter where the URL does not
// have it.
func (o Option) Env() string { return EnvName(o.Name) }

// EnvName is the variable of a parameter: COLDTAIL_PATH_STYLE for path-style.
func EnvName(option string) string {
	return "COLDTAIL_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// Options lists every parameter there is.
func Options() []Option {
	s3 := []string{schemeS3}
	both := []string{schemeS3, schemeMinIO}
	return []Option{
		{"max-size", []string{schemeFile}, "a size such as 500m or 10g", "none", "bound of the folder; beyond it the oldest objects are removed"},
		{"region", both, "a region's name such as eu-central-1", "AWS_REGION or the profile's; us-east-1 with an endpoint and for minio://", "region of the bucket"},
		{"endpoint", s3, "a URL such as https://host:9000", "AWS_ENDPOINT_URL_S3, or Amazon's own", "address of a store other than Amazon's"},
		{"path-style", both, "true or false", "true with an endpoint and for minio://", "put the bucket's name into the path instead of the host's name"},
		{"tls", []string{schemeMinIO}, "true or false", "true", "speak HTTPS"},
		{"ca-file", both, "a file's path", "none", "PEM certificates to trust beside the system's"},
		{"credentials-file", both, "a file's path", "the SDK's own chain", "credentials in the form of ~/.aws/credentials, profile AWS_PROFILE or default; counts before all other sources and is read again every 20 s"},
		{"role-arn", both, "an ARN such as arn:aws:iam::123456789012:role/name", "none", "role to assume with the credentials"},
		{"role-external-id", both, "2 or more letters, digits and +=,.@:/-_", "none", "external id that the role's trust policy asks for"},
		{"role-session-name", both, "2 to 64 letters, digits and +=,.@-_", "coldtail", "name of the role's session, as audit logs show it"},
		{"role-endpoint", both, "a URL such as https://host:9000", "Amazon's STS for Amazon's S3, else the store itself", "address of the service that gives the role's credentials"},
		{"storage-class", both, "upper-case letters, digits and underscores, such as STANDARD_IA", "the bucket's", "storage class of objects; not of the empty index markers"},
		{"sse", both, "AES256 or aws:kms", "the bucket's", "server-side encryption"},
		{"sse-kms-key-id", both, "a key's id, ARN or alias", "the bucket's or the account's", "key for sse=aws:kms"},
		{"sse-bucket-key", both, "true or false", "the bucket's", "use a bucket key with sse=aws:kms, which makes fewer requests to KMS"},
		{"tags", both, "at most 10 key=value, separated by commas", "none", "tags of each object"},
		{"request-checksum", both, "when-supported or when-required", "when-supported at Amazon, else when-required", "checksum of each upload: a CRC32C, or a Content-MD5, which every store knows"},
		{"multipart-threshold", both, "a size from 5m to 5g", "64m", "size above which an object is sent in parts"},
		{"concurrency", both, "a number from 1 to 64", "4", "parts of one object that are sent at once"},
		{"object-lock-mode", both, "governance or compliance", "none", "retention mode of each object; needs object-lock-retention"},
		{"object-lock-retention", both, "days or years such as 30d or 7y", "none", "how long each object is retained; needs object-lock-mode"},
	}
}

// optionsOf are the names of the parameters of a scheme, in order of the alphabet.
func optionsOf(scheme string) []string {
	var names []string
	for _, o := range Options() {
		if slices.Contains(o.Schemes, scheme) {
			names = append(names, o.Name)
		}
	}
	slices.Sort(names)
	return names
}

// takers are the schemes of an option, as they are written in URLs.
func takers(o Option) string {
	var list []string
	for _, s := range o.Schemes {
		list = append(list, s+"://")
	}
	return strings.Join(list, " and ")
}
