package encode

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/coldtail/coldtail/codec"
)

// What is wrong with a segment that cannot be encoded.
var (
	ErrMismatch = errors.New("the encoded chunk differs from its segment")
	ErrPoison   = errors.New("encoding the segment panicked")
	ErrKilled   = errors.New("encoding the segment ended the process")
)

// Hopeless reports whether it is the segment that hinders its archiving, for good.
func Hopeless(err error) bool {
	var bad *codec.CorruptError
	return errors.Is(err, ErrPoison) || errors.Is(err, ErrMismatch) || errors.Is(err, ErrKilled) || errors.As(err, &bad)
}

// Local reports whether an error is the local disk's.
func Local(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	var errno syscall.Errno
	return errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &errno)
}
