package bucket

import (
	"context"
	"errors"
	"fmt"
)

// Op names a verb in errors and metrics.
type Op string

// The verbs, and reading a body, which may fail after Get has returned.
const (
	OpPut    Op = "put"
	OpGet    Op = "get"
	OpRead   Op = "read"
	OpList   Op = "list"
	OpDelete Op = "delete"
)

// Error is what a store's operation failed with.
type Error struct {
	Op  Op
	Key string // or the prefix of a List
	// Permanent tells that a repetition cannot succeed until somebody changes
	// something: access denied, no such bucket. Each store classifies its own.
	Permanent bool
	// Hint is what to do about it, one sentence for a human; often empty.
	Hint string
	Err  error // the cause
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %q: %v", e.Op, e.Key, e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether err is known not to go away on its own.
func Permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}

// Hint returns what a human may do about err, or "".
func Hint(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Transient reports whether repeating the operation may succeed. A missing or
// changed object, a permanent error and an ended context do not go away.
// A deadline of the caller's and a timeout of the store's look alike here:
// check the context's own error first.
func Transient(err error) bool {
	switch {
	case err == nil,
		errors.Is(err, ErrNotFound),
		errors.Is(err, ErrChanged),
		errors.Is(err, context.Canceled):
		return false
	}
	return !Permanent(err)
}

// WrapError makes a store's err an *Error, leaving alone nil, the context's own
// end, and what is one already.
func WrapError(ctx context.Context, op Op, key string, err error, classify func(error) (permanent bool, hint string)) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s %q: %w", op, key, cause)
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	e = &Error{Op: op, Key: key, Err: err}
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrChanged) {
		e.Permanent, e.Hint = classify(err)
	}
	return e
}
