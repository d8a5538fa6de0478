package bucket

import (
	"context"
	"time"
)

// The questions of a Checker, in errors.
const (
	OpReach     Op = "reach"
	OpLifecycle Op = "read lifecycle"
)

// Checker is what a store can tell of itself beyond the four verbs, for
// `coldtail doctor`. Implementing it is optional.
type Checker interface {
	// Reach asks for the bucket without credentials. Every answer counts, a
	// refusal too; an error is that there was none.
	Reach(ctx context.Context) (Reached, error)
	// AbortRule returns after how many days the bucket's rules abort incomplete
	// multipart uploads of keys that start with prefix; zero is never.
	AbortRule(ctx context.Context, prefix string) (days int, err error)
	// Erase deletes an object as Delete does, and its versions where the bucket
	// keeps them. kept tells that versions may remain, since they may not be
	// listed or deleted.
	Erase(ctx context.Context, key string) (kept bool, err error)
}

// Reached describes a store's answer.
type Reached struct {
	URL    string // scheme and host, without a path
	Status int    // of HTTP
	Server string // the header; may be empty
	Region string // of the bucket, where the store tells it

	// Date is the store's clock, in whole seconds, zero if it does not say;
	// Asked and Answered are this host's around it.
	Date            time.Time
	Asked, Answered time.Time

	TLSVersion string    // such as "TLS 1.3"; empty without TLS
	CertEnds   time.Time // of the certificate, with TLS
}

// CheckerOf returns b's Checker, also behind Prefix; nil if it has none.
func CheckerOf(b Bucket) Checker {
	if p, ok := b.(*prefixed); ok {
		if c := CheckerOf(p.b); c != nil {
			return prefixedChecker{c, p.prefix}
		}
		return nil
	}
	c, _ := b.(Checker)
	return c
}

type prefixedChecker struct {
	Checker
	prefix string
}

func (p prefixedChecker) AbortRule(ctx context.Context, prefix string) (days int, err error) {
	return p.Checker.AbortRule(ctx, p.prefix+prefix)
}

func (p prefixedChecker) Erase(ctx context.Context, key string) (kept bool, err error) {
	return p.Checker.Erase(ctx, p.prefix+key)
}
