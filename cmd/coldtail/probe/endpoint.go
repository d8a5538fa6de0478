package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

const (
	// skewFails is what S3 allows: beyond, it answers RequestTimeTooSkewed.
	skewFails = 15 * time.Minute
	skewWarns = time.Minute
	// certWarns is enough to renew a certificate.
	certWarns = 14 * 24 * time.Hour
)

// reach checks the way to the store and tells whether there is one.
func (r *run) reach(ctx context.Context) bool {
	answers := make(chan bucket.Reached, 1)
	res := r.check(ctx, nameEndpoint, func(ctx context.Context) Result {
		answer, err := r.checker.Reach(ctx)
		if err != nil {
			return r.failed(Fail, err, cmp.Or(bucket.Hint(err), "check the endpoint's address, the resolution of its name, firewalls and proxies"))
		}
		answers <- answer
		return endpoint(answer)
	})
	var answer bucket.Reached
	select {
	case answer = <-answers:
	default:
		for _, name := range []string{nameTLS, nameClock} {
			r.report(Result{Name: name, Status: Skip, Detail: "the endpoint is not reached"})
		}
		return false
	}
	r.server = answer.Server
	r.check(ctx, nameTLS, func(context.Context) Result { return transport(answer) })
	r.check(ctx, nameClock, func(context.Context) Result { return clock(answer) })
	return res.Status != Fail
}

func endpoint(a bucket.Reached) Result {
	switch {
	case a.Status == http.StatusMovedPermanently, a.Status == http.StatusPermanentRedirect, a.Status == http.StatusTemporaryRedirect:
		remedy := "set region= of the bucket's URL to the bucket's own"
		if a.Region != "" {
			remedy = "add region=" + a.Region + " to the bucket's URL"
		}
		return Result{Status: Fail, Detail: a.URL + " sends to another region", Remedy: remedy}
	case a.Status >= http.StatusInternalServerError:
		return warn("see to the store, or what is before it", "%s answers with status %d", a.URL, a.Status)
	}
	return ok("%s answers in %v", a.URL, a.Answered.Sub(a.Asked).Round(100*time.Microsecond))
}

func transport(a bucket.Reached) Result {
	if a.TLSVersion == "" {
		if u, err := url.Parse(a.URL); err == nil && loopback(u.Hostname()) {
			return ok("none; the endpoint is on this host")
		}
		return warn("use an https endpoint, or tls=true of a minio:// URL", "none: logs cross the network readable")
	}
	if a.CertEnds.IsZero() {
		return ok("%s", a.TLSVersion)
	}
	detail := fmt.Sprintf("%s, certificate valid until %s", a.TLSVersion, a.CertEnds.UTC().Format(time.DateOnly))
	if a.CertEnds.Sub(a.Answered) < certWarns {
		return warn("renew the store's certificate", "%s", detail)
	}
	return ok("%s", detail)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// clock compares the clocks. The store's says whole seconds, which were half a
// second past on average.
func clock(a bucket.Reached) Result {
	if a.Date.IsZero() {
		return skip("the store does not say what time it is")
	}
	here := a.Asked.Add(a.Answered.Sub(a.Asked) / 2)
	skew := a.Date.Add(time.Second / 2).Sub(here)
	side := "behind the store's"
	if skew < 0 {
		side = "ahead of the store's"
	}
	skew = skew.Abs().Round(time.Second)
	const remedy = "synchronise this host's clock, with chrony or systemd-timesyncd"
	switch {
	case skew >= skewFails:
		return Result{Status: Fail, Detail: fmt.Sprintf("this host's is %v %s; S3 refuses requests beyond %v", skew, side, skewFails), Remedy: remedy}
	case skew >= skewWarns:
		return warn(remedy, "this host's is %v %s", skew, side)
	case skew <= time.Second:
		return ok("this host's agrees with the store's")
	}
	return ok("this host's is %v %s", skew, side)
}

// lifecycle looks for the rule that removes what crashed uploads leave.
func (r *run) lifecycle(ctx context.Context) {
	r.check(ctx, nameLifecycle, func(ctx context.Context) Result {
		if r.checker == nil {
			return skip("a folder has no multipart uploads")
		}
		days, err := r.checker.AbortRule(ctx, "")
		switch {
		case err == nil && days > 0:
			return ok("incomplete multipart uploads are aborted after %d days", days)
		case strings.HasPrefix(r.server, "MinIO"): // whose rules know no uploads
			// internal/config/api of the server: stale_uploads_expiry.
			return ok("MinIO removes incomplete multipart uploads by itself, after 24 h unless it is configured otherwise")
		case err == nil:
			return warn("add a lifecycle rule AbortIncompleteMultipartUpload to the bucket (the Terraform module has one)",
				"no rule aborts incomplete multipart uploads: parts of objects over 64 MB that a crash leaves are paid for ever")
		case bucket.Permanent(err):
			return skip("the rules may not be read with these credentials (s3:GetLifecycleConfiguration, which coldtail itself does not need), or the store has none: see to it that incomplete multipart uploads are aborted")
		}
		return r.failed(Skip, err, "")
	})
}
