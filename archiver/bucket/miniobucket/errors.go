package miniobucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/s3http"
)

func wrap(ctx context.Context, op bucket.Op, key string, err error) error {
	return bucket.WrapError(ctx, op, key, spell(err), classify)
}

// answered is a server's answer that says what minio-go leaves out: its error
// is the message alone, which may be a proxy's HTML.
type answered struct{ minio.ErrorResponse }

// messageMax bounds what a message takes of a log line.
const messageMax = 200

func (e answered) Error() string {
	msg, code := e.ErrorResponse.Error(), e.Code
	status := strconv.Itoa(e.StatusCode)
	numbered := strings.HasPrefix(code, status)
	if numbered || strings.HasPrefix(strings.TrimSpace(msg), "<") {
		// minio-go found no code of S3's: the message is what a proxy said,
		// which might repeat the request with its token.
		msg = "not an answer of S3"
	}
	if len(msg) > messageMax {
		msg = strings.ToValidUTF8(msg[:messageMax], "") + "..."
	}
	if e.StatusCode != 0 && !numbered {
		code = status + " " + code
	}
	return code + ": " + msg
}

func (e answered) Unwrap() error { return e.ErrorResponse }

// spell makes a server's answer an answered, unless a sentinel wraps it.
func spell(err error) error {
	if response, ok := err.(minio.ErrorResponse); ok { //nolint:errorlint // as minio-go returns it
		return answered{response}
	}
	return err
}

// answer is the server's error code and HTTP status; both are empty where there
// was no answer.
func answer(err error) (code string, status int) {
	var response minio.ErrorResponse
	if errors.As(err, &response) {
		return response.Code, response.StatusCode
	}
	var sts credentials.ErrorResponse
	if errors.As(err, &sts) {
		return sts.STSError.Code, 0
	}
	return "", 0
}

func classify(err error) (permanent bool, hint string) {
	if errors.Is(err, errNoCredentials) {
		return true, "name a file with credentials-file, or set MINIO_ACCESS_KEY and MINIO_SECRET_KEY"
	}
	code, status := answer(err)
	permanent, hint = s3http.Classify(code, status, err)
	if errors.Is(err, errRole) && code != "" {
		hint = s3http.HintRole
	}
	return permanent, hint
}

// sentinel finds the two errors that are part of the contract.
func sentinel(err error) error {
	if err == nil {
		return nil
	}
	code, status := answer(err)
	switch {
	case code == s3http.CodeNoSuchKey,
		status == http.StatusNotFound && code != "NoSuchBucket":
		return fmt.Errorf("%w: %w", bucket.ErrNotFound, err)
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", bucket.ErrChanged, err)
	}
	return err
}
