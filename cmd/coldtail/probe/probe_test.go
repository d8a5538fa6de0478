package probe

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
)

// store is a folder that may be made to behave as other stores do.
type store struct {
	bucket.Bucket
	overwrites bool // ignores IfAbsent
	garbles    bool
	hides      bool  // from listings
	putErr     error // also of Delete
	hangs      bool  // Put, whatever its context says

	reached  bucket.Reached
	reachErr error
	days     int
	ruleErr  error
	kept     bool
	eraseErr error
}

func newStore(t *testing.T) *store {
	b, err := filebucket.Open(filebucket.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return &store{Bucket: b, days: 7, reached: bucket.Reached{
		URL: "https://s3.example", Status: http.StatusForbidden, Asked: now, Answered: now, Date: now.Truncate(time.Second),
		TLSVersion: "TLS 1.3", CertEnds: now.Add(90 * 24 * time.Hour),
	}}
}

func (s *store) Put(ctx context.Context, key string, r io.ReaderAt, n int64, opts bucket.PutOptions) error {
	if s.hangs {
		select {}
	}
	if s.putErr != nil {
		return s.putErr
	}
	if s.garbles {
		r = strings.NewReader(strings.Repeat("x", int(n)))
	}
	opts.IfAbsent = opts.IfAbsent && !s.overwrites
	return s.Bucket.Put(ctx, key, r, n, opts)
}

func (s *store) List(ctx context.Context, prefix string, opts bucket.ListOptions) iter.Seq2[bucket.Object, error] {
	if s.hides {
		return func(func(bucket.Object, error) bool) {}
	}
	return s.Bucket.List(ctx, prefix, opts)
}

func (s *store) Reach(context.Context) (bucket.Reached, error)           { return s.reached, s.reachErr }
func (s *store) AbortRule(context.Context, string) (days int, err error) { return s.days, s.ruleErr }
func (s *store) Erase(ctx context.Context, key string) (kept bool, err error) {
	if s.eraseErr != nil {
		return false, s.eraseErr
	}
	return s.kept, s.Delete(ctx, key)
}

// try runs the probe and returns the results by name.
func try(t *testing.T, cfg Config) map[string]Result {
	t.Helper()
	found := map[string]Result{}
	Run(t.Context(), cfg, func(res Result) {
		if _, twice := found[res.Name]; twice || res.Detail == "" {
			t.Errorf("%+v: twice or empty", res)
		}
		found[res.Name] = res
	})
	if names := []string{nameEndpoint, nameTLS, nameClock, namePut, nameGet, nameList, nameCondition, nameCleanUp, nameLifecycle}; len(found) != len(names) {
		for _, n := range names {
			if _, ok := found[n]; !ok {
				t.Errorf("%s is not checked", n)
			}
		}
	}
	return found
}

var denied = &bucket.Error{Op: bucket.OpPut, Key: "k", Permanent: true, Hint: "ask for it", Err: errors.New("denied")}

func TestStores(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*store)
		check  string
		status Status
		text   string // in detail or remedy
		left   bool
	}{
		"healthy":          {func(*store) {}, nameCondition, OK, "left as it is", false},
		"overwrites":       {func(s *store) { s.overwrites = true }, nameCondition, Warn, "If-None-Match", false},
		"garbles":          {func(s *store) { s.garbles = true }, nameGet, Fail, "something else", false},
		"hides":            {func(s *store) { s.hides = true }, nameList, Warn, "does not show", false},
		"put denied":       {func(s *store) { s.putErr = denied }, namePut, Fail, "ask for it", false},
		"delete denied":    {func(s *store) { s.eraseErr = denied }, nameCleanUp, OK, "which is fine", true},
		"delete fails":     {func(s *store) { s.eraseErr = errors.New("broken") }, nameCleanUp, Warn, "doctor/", true},
		"versions":         {func(s *store) { s.kept = true }, nameCleanUp, OK, "keeps versions", false},
		"not reached":      {func(s *store) { s.reached, s.reachErr = bucket.Reached{}, errors.New("no route") }, nameEndpoint, Fail, "no route", false},
		"other region":     {func(s *store) { s.reached.Status, s.reached.Region = 301, "eu-west-1" }, nameEndpoint, Fail, "region=eu-west-1", false},
		"out of order":     {func(s *store) { s.reached.Status = 503 }, nameEndpoint, Warn, "503", false},
		"no TLS":           {func(s *store) { s.reached.URL, s.reached.TLSVersion = "http://s3.example", "" }, nameTLS, Warn, "readable", false},
		"no TLS, here":     {func(s *store) { s.reached.URL, s.reached.TLSVersion = "http://[::1]:9000", "" }, nameTLS, OK, "this host", false},
		"certificate ends": {func(s *store) { s.reached.CertEnds = s.reached.Asked.Add(24 * time.Hour) }, nameTLS, Warn, "renew", false},
		"clock ahead":      {func(s *store) { s.reached.Date = s.reached.Date.Add(-2 * time.Minute) }, nameClock, Warn, "ahead", false},
		"clock behind":     {func(s *store) { s.reached.Date = s.reached.Date.Add(time.Hour) }, nameClock, Fail, "behind", false},
		"no clock":         {func(s *store) { s.reached.Date = time.Time{} }, nameClock, Skip, "", false},
		"rule":             {func(*store) {}, nameLifecycle, OK, "7 days", false},
		"no rule":          {func(s *store) { s.days = 0 }, nameLifecycle, Warn, "AbortIncompleteMultipartUpload", false},
		"rule of MinIO":    {func(s *store) { s.days, s.reached.Server = 0, "MinIO" }, nameLifecycle, OK, "by itself", false},
		"rule unreadable":  {func(s *store) { s.ruleErr = denied }, nameLifecycle, Skip, "may not be read", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			tc.change(s)
			got := try(t, Config{Bucket: bucket.Prefix(s, "p"), Host: "h"})[tc.check]
			if got.Status != tc.status || !strings.Contains(got.Detail+" "+got.Remedy, tc.text) {
				t.Errorf("%+v", got)
			}
			if got.Remedy == "" && (got.Status == Warn || got.Status == Fail) {
				t.Error("no remedy")
			}
			if left := keys(t, s.Bucket); len(left) > 0 != tc.left {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func keys(t *testing.T, b bucket.Bucket) (found []string) {
	t.Helper()
	for o, err := range b.List(t.Context(), "", bucket.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, o.Key)
	}
	return found
}

// TestAgain runs where an earlier run could not delete, of either variant.
func TestAgain(t *testing.T) {
	for _, left := range []int{0, 1} {
		s := newStore(t)
		s.eraseErr = denied
		if err := s.Put(t.Context(), Key("h"), strings.NewReader(content(left)), int64(len(content(left))), bucket.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		for name, res := range try(t, Config{Bucket: s, Host: "h"}) {
			if res.Status != OK {
				t.Errorf("%s: %+v", name, res)
			}
		}
		if got := keys(t, s.Bucket); !slices.Equal(got, []string{Key("h")}) {
			t.Errorf("left: %q", got)
		}
	}
	if Key("h") == Key("other") {
		t.Error("two hosts share a probe")
	}
}

// TestHangs shows that a check ends where its store does not.
func TestHangs(t *testing.T) {
	t.Run("heeds no context", func(t *testing.T) {
		s := newStore(t)
		s.hangs = true
		got := try(t, Config{Bucket: s, Host: "h", Timeout: 10 * time.Millisecond})
		if res := got[namePut]; res.Status != Fail || !strings.Contains(res.Detail, "no answer within 10ms") {
			t.Errorf("%+v", res)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var got Result
		r := &run{cfg: Config{Timeout: time.Minute}, report: func(res Result) { got = res }}
		r.check(t.Context(), "x", func(ctx context.Context) Result {
			<-ctx.Done()
			return r.failed(Warn, ctx.Err(), "")
		})
		if got.Status != Warn || time.Since(began) != time.Minute {
			t.Errorf("%+v after %v", got, time.Since(began))
		}
	})
}

// TestCancelled deletes what was put before the run was interrupted.
func TestCancelled(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	Run(ctx, Config{Bucket: s, Host: "h"}, func(res Result) {
		if res.Name == namePut {
			cancel()
		}
	})
	if left := keys(t, s.Bucket); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
