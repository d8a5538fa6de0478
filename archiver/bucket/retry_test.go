package bucket

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errWeather = errors.New("connection reset")

// flaky is a bucket of one object, whose operations fail as often as told.
type flaky struct {
	Bucket
	content  string
	fail     int   // how many operations are still to fail
	with     error // what with
	cutEvery int   // bytes after which a body breaks; 0 is never
	calls    int
	ranges   []GetOptions
}

func (f *flaky) attempt() error {
	f.calls++
	if f.fail > 0 {
		f.fail--
		return f.with
	}
	return nil
}

func (f *flaky) Put(ctx context.Context, key string, r io.ReaderAt, sizeBytes int64, opts PutOptions) error {
	return f.attempt()
}

func (f *flaky) Delete(ctx context.Context, key string) error { return f.attempt() }

func (f *flaky) Get(ctx context.Context, key string, opts GetOptions) (Body, error) {
	if err := f.attempt(); err != nil {
		return Body{}, err
	}
	f.ranges = append(f.ranges, opts)
	start, length := opts.Span(int64(len(f.content)))
	var r io.Reader = strings.NewReader(f.content[start : start+length])
	if f.cutEvery > 0 && int64(f.cutEvery) < length {
		r = io.MultiReader(io.LimitReader(r, int64(f.cutEvery)), broken{})
	}
	return Body{ReadCloser: io.NopCloser(r), Object: Object{Key: key, SizeBytes: int64(len(f.content)), ETag: "v1"}}, nil
}

func (f *flaky) List(ctx context.Context, prefix string, opts ListOptions) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for _, c := range f.content {
			if string(c) <= opts.StartAfter {
				continue
			}
			if err := f.attempt(); err != nil {
				yield(Object{}, err)
				return
			}
			if !yield(Object{Key: string(c)}, nil) {
				return
			}
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errWeather }

func TestRetryRepeatsTransientErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{fail: 50, with: &Error{Op: OpPut, Key: "k", Err: errWeather}}
		var waits []time.Duration
		b := Retry(f, RetryConfig{OnRetry: func(_ Op, _ string, _ error, wait time.Duration) { waits = append(waits, wait) }})
		if err := b.Put(t.Context(), "k", strings.NewReader(""), 0, PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if f.calls != 51 || len(waits) != 50 {
			t.Fatalf("%d calls, %d waits; want 51 and 50", f.calls, len(waits))
		}
		limit := 200 * time.Millisecond
		for i, w := range waits {
			if w < 0 || w > limit+1 {
				t.Errorf("wait %d: %v, want at most %v", i, w, limit)
			}
			limit = min(2*limit, 30*time.Second)
		}
	})
}

func TestRetryReturnsOthersAtOnce(t *testing.T) {
	for name, with := range map[string]error{
		"permanent": &Error{Op: OpPut, Key: "k", Permanent: true, Hint: "do something", Err: errors.New("access denied")},
		"not found": &Error{Op: OpGet, Key: "k", Err: ErrNotFound},
		"changed":   &Error{Op: OpGet, Key: "k", Err: ErrChanged},
		"canceled":  context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			f := &flaky{fail: 9, with: with}
			err := Retry(f, RetryConfig{}).Delete(t.Context(), "k")
			if !errors.Is(err, with) || f.calls != 1 {
				t.Fatalf("got %v after %d calls", err, f.calls)
			}
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{fail: 1 << 30, with: &Error{Op: OpGet, Key: "k", Err: errWeather}}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		_, err := Retry(f, RetryConfig{}).Get(ctx, "k", GetOptions{})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errWeather) {
			t.Fatalf("got %v", err)
		}
		if f.calls < 200 { // at most 30 s apart
			t.Fatalf("only %d attempts in two hours", f.calls)
		}
	})
}

func TestRetryResumesBodies(t *testing.T) {
	content := strings.Repeat("0123456789", 10)
	for name, c := range map[string]struct {
		opts GetOptions
		want string
	}{
		"whole":               {GetOptions{}, content},
		"offset":              {GetOptions{Offset: 95}, content[95:]},
		"range":               {GetOptions{Offset: 13, Length: 50}, content[13:63]},
		"suffix":              {GetOptions{Offset: -33}, content[67:]},
		"suffix and length":   {GetOptions{Offset: -33, Length: 20}, content[67:87]},
		"suffix of more":      {GetOptions{Offset: -1000}, content},
		"range beyond":        {GetOptions{Offset: 90, Length: 100}, content[90:]},
		"offset beyond":       {GetOptions{Offset: 1000}, ""},
		"offset at the end":   {GetOptions{Offset: 100}, ""},
		"offset of last byte": {GetOptions{Offset: 99}, "9"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &flaky{content: content, cutEvery: 7}
				body, err := Retry(f, RetryConfig{}).Get(t.Context(), "k", c.opts)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(body)
				if err != nil || string(got) != c.want {
					t.Fatalf("got %q, %v; want %q", got, err, c.want)
				}
				for _, r := range f.ranges[1:] {
					if r.ETag != "v1" {
						t.Fatalf("resumed without the ETag: %+v", r)
					}
				}
				if err := body.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestRetryGoesOnWithListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{content: "abcdefgh"}
		var got strings.Builder
		for o, err := range Retry(f, RetryConfig{}).List(t.Context(), "", ListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			got.WriteString(o.Key)
			f.fail, f.with = 2, &Error{Op: OpList, Err: errWeather}
		}
		if got.String() != "abcdefgh" {
			t.Fatalf("got %q", got.String())
		}
	})
}

func TestRetryListStops(t *testing.T) {
	f := &flaky{content: "abc"}
	for range Retry(f, RetryConfig{}).List(t.Context(), "", ListOptions{}) {
		break
	}
	if f.calls != 1 {
		t.Fatalf("%d calls", f.calls)
	}
	f.fail, f.with = 1, &Error{Op: OpList, Permanent: true, Err: errWeather}
	var errs int
	for _, err := range Retry(f, RetryConfig{}).List(t.Context(), "", ListOptions{}) {
		if !Permanent(err) {
			t.Fatalf("got %v", err)
		}
		errs++
	}
	if errs != 1 {
		t.Fatalf("%d errors", errs)
	}
}
