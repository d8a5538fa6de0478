package s3http

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

// Codes of S3's answers that callers ask for.
const (
	CodeNoSuchKey          = "NoSuchKey"
	CodePreconditionFailed = "PreconditionFailed"
)

// HintRole is for a role that could not be assumed.
const HintRole = "the role cannot be assumed: check role-arn, its trust policy and role-external-id, and that the credentials allow sts:AssumeRole"

const (
	hintAccess = "the credentials lack a permission: writing needs s3:PutObject on the prefix (with tags s3:PutObjectTagging, with object-lock s3:PutObjectRetention, with a KMS key kms:GenerateDataKey), reading back s3:GetObject and s3:ListBucket"
	hintBucket = "create the bucket, or correct its name"
	hintKeys   = "check the access key and the secret key"
	hintRegion = "set region to the bucket's own"
	hintClock  = "set this host's clock"
	hintToken  = "waiting for the credentials to be renewed"
	hintKMS    = "the bucket's KMS key cannot be used with these credentials"
	hintCA     = "the endpoint's certificate is not trusted: name its authority with ca-file"
	hintHost   = "the endpoint's certificate is for other names: call it by one of these, or have a certificate made for this one"
	hintExpiry = "the endpoint's certificate is not valid now: renew it, or set this host's clock"
	hintScheme = "the endpoint does not speak TLS"
)

type verdict struct {
	permanent bool
	hint      string
}

// verdicts of S3's error codes; what is missing is judged by its status.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func verdicts(code string) (verdict, bool) {
	switch code {
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "NotSignedUp", "UnauthorizedAccess", "InvalidObjectState":
		return verdict{true, hintAccess}, true
	case "NoSuchBucket", "InvalidBucketName":
		return verdict{true, hintBucket}, true
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidSecurity", "InvalidClientTokenId", "UnrecognizedClientException":
		return verdict{true, hintKeys}, true
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidRegion", "IllegalLocationConstraintException":
		return verdict{true, hintRegion}, true
	case "KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "KMS.InvalidKeyUsageException":
		return verdict{true, hintKMS}, true
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired":
		return verdict{false, hintToken}, true
	case "RequestTimeTooSkewed":
		return verdict{false, hintClock}, true
	// Client errors by their status, but the network's or the moment's fault.
	case "BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
		"OperationAborted", "ConditionalRequestConflict", "NoSuchUpload", "Throttling", "ThrottlingException",
		"RequestLimitExceeded", "TooManyRequests", "SlowDown", "SlowDownRead", "SlowDownWrite", "XMinioServerNotInitialized",
		"XMinioStorageFull":
		return verdict{}, true
	}
	return verdict{}, false
}

// Classify tells whether an answer of a store, by its S3 error code and HTTP
// status, or an error on the way to it, for which both are empty, is permanent,
// and what may be done about it.
func Classify(code string, status int, err error) (permanent bool, hint string) {
	if v, ok := verdicts(code); ok {
		return v.permanent, v.hint
	}
	switch {
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return true, hintAccess
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect, status == http.StatusPermanentRedirect:
		return true, hintRegion
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status == 499: // nginx: the client went away
		return false, ""
	case status == http.StatusNotImplemented:
		return true, ""
	case status >= 400 && status < 500:
		return true, ""
	case status != 0:
		return false, ""
	}
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		return true, hintCertificate(cert)
	case errors.Is(err, http.ErrSchemeMismatch):
		return true, hintScheme
	}
	return false, ""
}

func hintCertificate(err *tls.CertificateVerificationError) string {
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &host):
		return hintHost
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return hintExpiry
	}
	return hintCA
}

// RejectsCondition tells whether an answer to a conditional put means that the
// store does not know the condition.
func RejectsCondition(code string, status int) bool {
	return status == http.StatusNotImplemented ||
		status == http.StatusBadRequest && (code == "" || code == "InvalidArgument" || code == "InvalidRequest" || code == "NotImplemented" || code == "BadRequest")
}
