package s3http

import (
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// CodeNoLifecycle is S3's answer where a bucket has no lifecycle rules.
const CodeNoLifecycle = "NoSuchLifecycleConfiguration"

// Describe tells what a response, to a request sent at asked, says about its
// store.
func Describe(resp *http.Response, asked, answered time.Time) bucket.Reached {
	r := bucket.Reached{
		Status:   resp.StatusCode,
		Server:   resp.Header.Get("Server"),
		Region:   resp.Header.Get("X-Amz-Bucket-Region"),
		Asked:    asked,
		Answered: answered,
	}
	if resp.Request != nil && resp.Request.URL != nil {
		r.URL = resp.Request.URL.Scheme + "://" + resp.Request.URL.Host
	}
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		r.Date = t
	}
	if resp.TLS != nil {
		r.TLSVersion = tls.VersionName(resp.TLS.Version)
		if len(resp.TLS.PeerCertificates) > 0 {
			r.CertEnds = resp.TLS.PeerCertificates[0].NotAfter
		}
	}
	return r
}

// AbortRule is a lifecycle rule about incomplete multipart uploads.
type AbortRule struct {
	Enabled bool
	Prefix  string // of the keys that it is about
	Days    int    // zero: it is about something else
}

// AbortDays returns after how many days the rules abort an upload of a key
// that starts with prefix, the soonest of them; zero is never.
func AbortDays(rules []AbortRule, prefix string) int {
	days := 0
	for _, r := range rules {
		if r.Enabled && r.Days > 0 && strings.HasPrefix(prefix, r.Prefix) && (days == 0 || r.Days < days) {
			days = r.Days
		}
	}
	return days
}
