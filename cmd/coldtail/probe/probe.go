// Package probe tries a bucket as coldtail uses it, and says what is missing
// and what to do about it: `coldtail doctor`.
//
// It writes one object of a few bytes, outside of the trees that query engines
// read, and erases it again. Its key is the same in each run of a host, so that
// a writer without the permission to delete, which is all that coldtail
// needs, leaves at most that one object. It touches nothing else.
package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// Status is what a check came to.
type Status string

// The statuses. Warn is for what works but will not do; Skip is for what could
// not be checked, and does not tell that anything is wrong.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Result of one check. Detail and Remedy are a sentence each; Remedy is empty
// where there is nothing to do.
type Result struct {
	Name   string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

// Timeout bounds each check by default.
const Timeout = 10 * time.Second

// Config of Run.
type Config struct {
	// Bucket is tried without bucket.Retry around it: the first answer counts.
	Bucket bucket.Bucket
	// Host tells the probes of several hosts apart.
	Host string
	// Timeout bounds each check; Timeout by default.
	Timeout time.Duration
}

// Key is where the probe of a host lies, below the bucket's prefix.
func Key(host string) string {
	sum := sha256.Sum256([]byte(content(0) + host))
	return keyPrefix + hex.EncodeToString(sum[:8])
}

const keyPrefix = "doctor/"

// content of the probe, in one of two variants of equal length.
func content(variant int) string {
	return fmt.Sprintf("coldtail doctor was here; this may be deleted. %d\n", variant)
}

// Run makes the checks one after another and reports each as soon as it is done.
func Run(ctx context.Context, cfg Config, report func(Result)) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = Timeout
	}
	r := &run{cfg: cfg, key: Key(cfg.Host), checker: bucket.CheckerOf(cfg.Bucket), report: report}
	if r.checker != nil && !r.reach(ctx) {
		for _, name := range []string{namePut, nameGet, nameList, nameCondition, nameCleanUp, nameLifecycle} {
			report(Result{Name: name, Status: Skip, Detail: "the endpoint is not reached"})
		}
		return
	}
	r.objects(ctx)
	r.lifecycle(ctx)
}

// Names of the checks.
const (
	nameEndpoint  = "endpoint"
	nameTLS       = "tls"
	nameClock     = "clock"
	namePut       = "put"
	nameGet       = "range get"
	nameList      = "list"
	nameCondition = "conditional put"
	nameCleanUp   = "clean-up"
	nameLifecycle = "lifecycle"
)

// run is one run's state.
type run struct {
	cfg     Config
	key     string
	checker bucket.Checker // nil: the store has no more to tell
	server  string         // what the store calls itself
	report  func(Result)
}

// check reports what f finds within the timeout, and does not wait for it
// beyond: a folder on a disk that hangs heeds no context.
func (r *run) check(ctx context.Context, name string, f func(context.Context) Result) Result {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	done := make(chan Result, 1)
	go func() { done <- f(ctx) }()
	var res Result
	select {
	case res = <-done:
	case <-ctx.Done():
		select {
		case res = <-done:
		case <-time.After(grace):
			res = r.failed(Fail, ctx.Err(), "")
		}
	}
	res.Name = name
	r.report(res)
	return res
}

// grace is for a check that ends with its context to say what it waited for.
const grace = time.Second

func ok(format string, args ...any) Result {
	return Result{Status: OK, Detail: fmt.Sprintf(format, args...)}
}

func warn(remedy, format string, args ...any) Result {
	return Result{Status: Warn, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func skip(format string, args ...any) Result {
	return Result{Status: Skip, Detail: fmt.Sprintf(format, args...)}
}

// failed is the result of an error; the remedy is the store's own where it has one.
func (r *run) failed(status Status, err error, remedy string) Result {
	switch {
	case errors.Is(err, context.Canceled):
		return Result{Status: status, Detail: "interrupted"}
	case errors.Is(err, context.DeadlineExceeded):
		return Result{Status: status, Detail: fmt.Sprintf("no answer within %v", r.cfg.Timeout), Remedy: "see whether the store or what is before it is overloaded"}
	}
	detail := err.Error()
	var e *bucket.Error
	if errors.As(err, &e) {
		cause := e.Err
		// What the SDKs wrap around it, with ids of requests, is in nobody's way.
		if ue := (*url.Error)(nil); errors.As(cause, &ue) {
			cause = ue.Err
		}
		detail = fmt.Sprintf("%s: %v", e.Op, cause) // without the hint, which is the remedy
		if e.Hint != "" && remedy == "" {
			remedy = e.Hint
		}
	}
	if remedy == "" {
		remedy = "see the store's own documentation of this answer"
	}
	return Result{Status: status, Detail: detail, Remedy: remedy}
}
