package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// objects exercises the four verbs under the probe's key.
func (r *run) objects(ctx context.Context) {
	put := r.check(ctx, namePut, func(ctx context.Context) Result {
		// As chunks are put, which is all that a write-once bucket allows.
		if err := r.put(ctx, content(0)); err != nil {
			return r.failed(Fail, err, "")
		}
		return ok("permitted")
	}).Status == OK
	if !put {
		r.report(Result{Name: nameGet, Status: Skip, Detail: "there is nothing to get, as put failed"})
		r.list(ctx, false)
		r.report(Result{Name: nameCondition, Status: Skip, Detail: "put failed"})
	} else {
		readable := r.get(ctx)
		r.list(ctx, true)
		r.condition(ctx, readable)
	}
	// Also after a failed put, whose answer may have been lost, and also when
	// the run is cancelled.
	r.cleanUp(context.WithoutCancel(ctx), put)
}

func (r *run) put(ctx context.Context, s string) error {
	return r.cfg.Bucket.Put(ctx, r.key, strings.NewReader(s), int64(len(s)), bucket.PutOptions{IfAbsent: true, ContentType: "text/plain"})
}

// read returns a part of the probe and its ETag.
func (r *run) read(ctx context.Context, opts bucket.GetOptions) (s, etag string, err error) {
	body, err := r.cfg.Bucket.Get(ctx, r.key, opts)
	if err != nil {
		return "", "", err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return "", "", fmt.Errorf("read the object: %w", err)
	}
	return string(b), body.Object.ETag, nil
}

var errContent = errors.New("what was put came back as something else")

// get reads as read-back does: a range, then a suffix with the ETag pinned.
func (r *run) get(ctx context.Context) (readable bool) {
	return r.check(ctx, nameGet, func(ctx context.Context) Result {
		const offset, length = 9, 6 // the same in both variants
		got, etag, err := r.read(ctx, bucket.GetOptions{Offset: offset, Length: length})
		if err == nil && got != content(0)[offset:offset+length] {
			err = errContent
		}
		if err == nil {
			got, _, err = r.read(ctx, bucket.GetOptions{Offset: -2, ETag: etag})
		}
		if err == nil && variant(got) < 0 {
			err = errContent
		}
		switch {
		case err == nil:
			return ok("permitted")
		case bucket.Permanent(err):
			return r.failed(Warn, err, "allow s3:GetObject on the prefix, or accept that docker logs is answered from this host's own copies only")
		}
		return r.failed(Fail, err, "")
	}).Status == OK
}

// variant returns which content ends so, or -1.
func variant(suffix string) int {
	for v := range 2 {
		if suffix != "" && strings.HasSuffix(content(v), suffix) {
			return v
		}
	}
	return -1
}

func (r *run) list(ctx context.Context, put bool) {
	r.check(ctx, nameList, func(ctx context.Context) Result {
		found := false
		for o, err := range r.cfg.Bucket.List(ctx, r.key, bucket.ListOptions{}) {
			switch {
			case err == nil:
			case put && bucket.Permanent(err):
				return r.failed(Warn, err, "allow s3:ListBucket on the prefix, or accept that coldtail logs finds nothing and docker logs only what this host archived itself")
			default:
				return r.failed(Fail, err, "")
			}
			found = found || o.Key == r.key
		}
		if put && !found {
			return warn("use a store whose listings are consistent: what is archived is found by them", "permitted, but the listing does not show what was just put")
		}
		return ok("permitted")
	})
}

// condition puts other content under the same key, which has to change nothing.
func (r *run) condition(ctx context.Context, readable bool) {
	r.check(ctx, nameCondition, func(ctx context.Context) Result {
		if !readable {
			return skip("whether it is heeded shows only to who may get objects")
		}
		before, _, err := r.read(ctx, bucket.GetOptions{Offset: -2})
		if err != nil {
			return r.failed(Warn, err, "")
		}
		if err := r.put(ctx, content(1-max(0, variant(before)))); err != nil {
			return r.failed(Fail, err, "")
		}
		after, _, err := r.read(ctx, bucket.GetOptions{Offset: -2})
		switch {
		case err != nil:
			return r.failed(Warn, err, "")
		case after != before:
			return warn("nothing needs to be done: an upload that is repeated overwrites an object with the same rows; but the store cannot protect the archive from being overwritten",
				"the store does not heed If-None-Match")
		}
		return ok("an existing object is left as it is")
	})
}

func (r *run) cleanUp(ctx context.Context, put bool) {
	r.check(ctx, nameCleanUp, func(ctx context.Context) Result {
		kept := false
		var err error
		if r.checker != nil {
			kept, err = r.checker.Erase(ctx, r.key)
		} else {
			err = r.cfg.Bucket.Delete(ctx, r.key)
		}
		switch {
		case err == nil && kept:
			return ok("the probe is deleted; the bucket keeps versions, and one of %s may stay until a lifecycle rule removes it", r.key)
		case err == nil:
			return ok("the probe is deleted")
		case !put:
			return skip("put failed, so that there should be nothing to delete")
		case bucket.Permanent(err):
			return ok("deleting is not permitted, which is fine: coldtail does not need it; %d bytes stay under %s and serve the next run", len(content(0)), r.key)
		}
		return r.failed(Warn, err, "delete the object "+r.key)
	})
}
