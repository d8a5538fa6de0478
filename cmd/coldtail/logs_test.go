package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	now := time.Date(2024, 5, 6, 12, 0, 0, 0, zone)
	for in, want := range map[string]time.Time{
		"":                               {},
		"10m":                            now.Add(-10 * time.Minute),
		"1h30m":                          now.Add(-90 * time.Minute),
		"-5m":                            now.Add(5 * time.Minute),
		"2024-05-06T07:08:09Z":           time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC),
		"2024-05-06T07:08:09.123456789Z": time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC),
		"2024-05-06T07:08:09-01:00":      time.Date(2024, 5, 6, 8, 8, 9, 0, time.UTC),
		"2024-05-06T07:08:09":            time.Date(2024, 5, 6, 7, 8, 9, 0, zone),
		"2024-05-06T07:08:09.5":          time.Date(2024, 5, 6, 7, 8, 9, 5e8, zone),
		"2024-05-06T07:08":               time.Date(2024, 5, 6, 7, 8, 0, 0, zone),
		"2024-05-06T07":                  time.Date(2024, 5, 6, 7, 0, 0, 0, zone),
		"2024-05-06T07Z":                 time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC),
		"2024-05-06":                     time.Date(2024, 5, 6, 0, 0, 0, 0, zone),
		"2024-05-06Z":                    time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC),
		"0":                              time.Unix(0, 0),
		"1136073600":                     time.Unix(1136073600, 0),
		"1136073600.000000001":           time.Unix(1136073600, 1),
		"1136073600.5":                   time.Unix(1136073600, 5e8),
		"1136073600.1234567899":          time.Unix(1136073600, 123456789),
	} {
		if got, err := parseTime(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"yesterday", "2024-13-01", "12x", "1.x", "1.-5", "2024-05-06 07:08"} {
		if got, err := parseTime(in, now); err == nil {
			t.Errorf("%q: accepted as %v", in, got)
		}
	}
}

func TestLineWriter(t *testing.T) {
	entries := []codec.Entry{
		{TimeNano: 1, Source: codec.Stdout, Line: []byte("a")},
		{TimeNano: 2, Source: codec.Stderr, Line: []byte("b")},
		{TimeNano: 3, Source: codec.GapSource, Line: []byte("gap")},
		{TimeNano: 4, Source: codec.Stdout, Line: []byte("lo"), Partial: true},
		{TimeNano: 5, Source: codec.Stderr, Line: nil},
		{TimeNano: 4, Source: codec.Stdout, Line: []byte("ng"), Partial: true, Last: true},
		{TimeNano: 6, Source: codec.Stdout, Line: []byte("end"), Partial: true},
	}
	const stamp = "1970-01-01T00:00:00.00000000"
	for name, tc := range map[string]struct {
		timestamps  bool
		out, err, b string // b: both, as on one terminal
	}{
		"plain":      {false, "a\nlong\nend", "b\ngap\n\n", "a\nb\ngap\nlo\nng\nend"},
		"timestamps": {true, stamp + "1Z a\n" + stamp + "4Z long\n" + stamp + "6Z end", stamp + "2Z b\n" + stamp + "3Z gap\n" + stamp + "5Z \n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out, err, both bytes.Buffer
			apart, joined := newLineWriter(&out, &err, tc.timestamps), newLineWriter(&both, &both, tc.timestamps)
			for i := range entries {
				for _, w := range []*lineWriter{apart, joined} {
					if err := w.print(nil, &logLine{Entry: entries[i]}); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, w := range []*lineWriter{apart, joined} {
				if err := w.flush(); err != nil {
					t.Fatal(err)
				}
			}
			if out.String() != tc.out || err.String() != tc.err {
				t.Errorf("got %q and %q, want %q and %q", out.String(), err.String(), tc.out, tc.err)
			}
			if tc.b != "" && both.String() != tc.b {
				t.Errorf("on one terminal: %q, want %q", both.String(), tc.b)
			}
		})
	}
}
