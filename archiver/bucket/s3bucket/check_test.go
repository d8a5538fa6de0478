package s3bucket

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
)

// TestReach needs an answer, whatever it is, and shows nobody a signature.
func TestReach(t *testing.T) {
	for _, status := range []int{200, 301, 400, 403, 404, 503} {
		s := newStore(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Header.Get("X-Amz-Security-Token") != "" {
				t.Error("signed")
			}
			w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
			w.WriteHeader(status)
		})
		got, err := open(t, Config{Endpoint: s.URL, PathStyle: true}).Reach(t.Context())
		if err != nil || got.Status != status || got.URL != s.URL || got.Region != "eu-west-1" || got.Date.IsZero() {
			t.Errorf("%d: %+v, %v", status, got, err)
		}
		s.Close()
		if _, err := open(t, Config{Endpoint: s.URL, PathStyle: true}).Reach(t.Context()); err == nil || bucket.Permanent(err) {
			t.Errorf("nobody there: %v", err)
		}
	}
}

func TestAbortRule(t *testing.T) {
	const rule = `<LifecycleConfiguration><Rule><ID>a</ID>%s<Status>%s</Status>` +
		`<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`
	for name, tc := range map[string]struct {
		answer string
		want   int
	}{
		"filter":       {fmt.Sprintf(rule, "<Filter><Prefix>logs/</Prefix></Filter>", "Enabled"), 7},
		"and":          {fmt.Sprintf(rule, "<Filter><And><Prefix>lo</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>", "Enabled"), 7},
		"older form":   {fmt.Sprintf(rule, "<Prefix></Prefix>", "Enabled"), 7},
		"empty filter": {fmt.Sprintf(rule, "<Filter></Filter>", "Enabled"), 7},
		"others'":      {fmt.Sprintf(rule, "<Prefix>data/</Prefix>", "Enabled"), 0},
		"disabled":     {fmt.Sprintf(rule, "<Filter></Filter>", "Disabled"), 0},
	} {
		s := newStore(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tc.answer) })
		b := bucket.Prefix(open(t, Config{Endpoint: s.URL, PathStyle: true}), "logs")
		if days, err := bucket.CheckerOf(b).AbortRule(t.Context(), ""); err != nil || days != tc.want {
			t.Errorf("%s: %d, %v", name, days, err)
		}
	}
	for code, permanent := range map[string]bool{"NoSuchLifecycleConfiguration": false, "AccessDenied": true} {
		s := newStore(t, func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden, code) })
		days, err := open(t, Config{Endpoint: s.URL, PathStyle: true}).AbortRule(t.Context(), "")
		if days != 0 || (err != nil) != permanent || bucket.Permanent(err) != permanent {
			t.Errorf("%s: %d, %v", code, days, err)
		}
	}
}
