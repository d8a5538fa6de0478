package s3bucket

import (
	"context"
	"errors"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

func wrap(ctx context.Context, op bucket.Op, key string, err error) error {
	return bucket.WrapError(ctx, op, key, err, classify)
}

// answer is the store's error code and HTTP status; both are empty where there
// was no answer.
func answer(err error) (code string, status int) {
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	return code, status
}

func classify(err error) (permanent bool, hint string) {
	if noCredentials(err) {
		return true, "no AWS credentials found: name a file with credentials-file, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role"
	}
	code, status := answer(err)
	permanent, hint = s3http.Classify(code, status, err)
	if status != 0 && ofService(err, sts.ServiceID) {
		hint = s3http.HintRole
	}
	return permanent, hint
}

// noCredentials recognises that the SDK's chain came to its end, which is the
// instance's metadata, without an answer.
func noCredentials(err error) bool { return ofService(err, "ec2imds") }

// ofService tells whether err came of an operation of another service, within
// that of S3.
func ofService(err error, service string) bool {
	for {
		var op *smithy.OperationError
		if !errors.As(err, &op) {
			return false
		}
		if op.Service() == service {
			return true
		}
		err = op.Err
	}
}
