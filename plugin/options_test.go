package plugin

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/codec"
)

func TestParseOptions(t *testing.T) {
	def := archiver.DefaultOptions()
	with := func(change func(*archiver.Options)) archiver.Options {
		o := def
		change(&o)
		return o
	}
	for name, tc := range map[string]struct {
		cfg, defaults map[string]string
		want          archiver.Options
	}{
		"none":            {nil, nil, def},
		"format":          {map[string]string{"format": "ndjson"}, nil, with(func(o *archiver.Options) { o.Format = codec.NDJSON })},
		"smallest roll":   {map[string]string{"roll-size": "64k", "roll-age": "1s"}, nil, with(func(o *archiver.Options) { o.RollBytes, o.RollAge = 64<<10, time.Second })},
		"largest roll":    {map[string]string{"roll-size": "1g", "roll-age": "24h"}, nil, with(func(o *archiver.Options) { o.RollBytes, o.RollAge = 1<<30, 24*time.Hour })},
		"overflow":        {map[string]string{"overflow": "block", "max-spool": "8m"}, nil, with(func(o *archiver.Options) { o.Overflow, o.SpoolBytes = archiver.Block, 8<<20 })},
		"fraction":        {map[string]string{"roll-size": "1.5MiB"}, nil, with(func(o *archiver.Options) { o.RollBytes = 3 << 19 })},
		"max-size":        {map[string]string{"max-size": "10m"}, nil, with(func(o *archiver.Options) { o.CacheBytes = 10 << 20 })},
		"max-size, files": {map[string]string{"max-size": "10m", "max-file": "3"}, nil, with(func(o *archiver.Options) { o.CacheBytes = 30 << 20 })},
		"max-file alone":  {map[string]string{"max-file": "3"}, nil, def},
		"huge product":    {map[string]string{"max-size": "4000p", "max-file": "2147483647"}, nil, with(func(o *archiver.Options) { o.CacheBytes = 1 << 62 })},
		"docker's own": {map[string]string{
			"mode": "non-blocking", "max-buffer-size": "4m", "cache-disabled": "true", "cache-max-size": "20m",
			"cache-max-file": "5", "cache-compress": "false", "labels": "", "env": "", "tag": "", "labels-regex": "", "env-regex": "",
		}, nil, def},
		"plugin-wide":          {nil, map[string]string{"roll-size": "1m", "format": "ndjson"}, with(func(o *archiver.Options) { o.RollBytes, o.Format = 1<<20, codec.NDJSON })},
		"own wins":             {map[string]string{"roll-size": "2m"}, map[string]string{"roll-size": "1m"}, with(func(o *archiver.Options) { o.RollBytes = 2 << 20 })},
		"own wins over bad":    {map[string]string{"roll-size": "2m"}, map[string]string{"roll-size": "nonsense"}, with(func(o *archiver.Options) { o.RollBytes = 2 << 20 })},
		"default and own pair": {map[string]string{"max-file": "2"}, map[string]string{"max-size": "1m"}, with(func(o *archiver.Options) { o.CacheBytes = 2 << 20 })},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseOptions(tc.cfg, tc.defaults)
			if err != nil {
				t.Fatal(err)
			}
			if got.Stream != tc.want {
				t.Errorf("got %+v, want %+v", got.Stream, tc.want)
			}
		})
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for _, tc := range []struct {
		key, value string
		want       string // in the reason
	}{
		{"format", "csv", "parquet or ndjson"},
		{"format", "", "parquet or ndjson"},
		{"format", "Parquet", "parquet or ndjson"},
		{"overflow", "drop", "drop-old, drop-new or block"},
		{"max-spool", "10k", "at least 1m"},
		{"roll-size", "much", "64k to 1g"},
		{"roll-size", "65535", "64k to 1g"},
		{"roll-size", "1025m", "64k to 1g"},
		{"roll-size", "-1m", "64k to 1g"},
		{"roll-age", "-5m", "1s to 24h"},
		{"roll-age", "10", "1s to 24h"},
		{"roll-age", "25h", "1s to 24h"},
		{"max-size", "0", "greater than 0"},
		{"max-size", "-1", "greater than 0"},
		{"max-file", "0", "at least 1"},
		{"max-file", "1.5", "at least 1"},
		{"mode", "async", "blocking or non-blocking"},
		{"max-buffer-size", "big", "a size"},
		{"cache-disabled", "perhaps", "true or false"},
		{"cache-compress", "", "true or false"},
		{"cache-max-size", "x", "a size"},
		{"cache-max-file", "x", "whole number"},
		{"labels-regex", "(", "regular expression"},
		{"env-regex", "*", "regular expression"},
		{"tag", "{{.Name", "template"},
		{"tag", "{{nosuch .Name}}", `function "nosuch" not defined`},
		{"rollsize", "1m", "did you mean roll-size?"},
		{"ROLL-SIZE", "1m", "did you mean roll-size?"},
		{"splunk-token", "secret", "coldtail knows cache-compress, cache-disabled"},
	} {
		t.Run(tc.key+"="+tc.value, func(t *testing.T) {
			_, err := ParseOptions(map[string]string{tc.key: tc.value}, nil)
			var oe *OptionError
			if !errors.As(err, &oe) {
				t.Fatalf("got %v, want an *OptionError", err)
			}
			if oe.Key != tc.key || oe.Value != tc.value || !strings.Contains(oe.Reason, tc.want) {
				t.Errorf("got %+v, want the reason to have %q", oe, tc.want)
			}
			if text := err.Error(); !strings.HasPrefix(text, "log-opt "+tc.key+"=") || strings.Contains(text, "\n") {
				t.Errorf("not one sentence that names the log-opt: %s", text)
			}
		})
	}
}

func TestBadDefaultNamesItsVariable(t *testing.T) {
	for name, tc := range map[string]struct {
		env, want string
	}{
		"value":    {"COLDTAIL_OPT_ROLL_SIZE=much", `plugin setting COLDTAIL_OPT_ROLL_SIZE="much": must be a size`},
		"unknown":  {"COLDTAIL_OPT_ROLL_SIZ=1m", "did you mean COLDTAIL_OPT_ROLL_SIZE?"},
		"daemon's": {"COLDTAIL_OPT_MODE=non-blocking", "mode is the Docker daemon's own option"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseOptions(nil, EnvDefaults([]string{tc.env}))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestEnvDefaults(t *testing.T) {
	got := EnvDefaults([]string{"COLDTAIL_OPT_ROLL_SIZE=1m", "COLDTAIL_OPT_TAG={{.ID}}=x", "COLDTAIL_OPT_FORMAT=", "COLDTAIL_BUCKET=b", "PATH=/bin", "X"})
	want := map[string]string{"roll-size": "1m", "tag": "{{.ID}}=x"}
	if len(got) != len(want) || got["roll-size"] != "1m" || got["tag"] != want["tag"] {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLongValuesAreClipped(t *testing.T) {
	_, err := ParseOptions(map[string]string{"format": strings.Repeat("é", 5000)}, nil)
	if err == nil || len(err.Error()) > 500 {
		t.Errorf("a sentence of %d bytes", len(err.Error()))
	}
}

func FuzzParseOptions(f *testing.F) {
	for name, opt := range map[string]string{"roll-size": "64m", "tag": "{{.Name}}", "labels-regex": "^a", "nosuch": "1", "max-file": "3"} {
		f.Add(name, opt)
	}
	sentence := regexp.MustCompile(`^(log-opt|plugin setting) [^\n]+$`)
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.Contains(name, "\n") {
			t.Skip()
		}
		opts, err := ParseOptions(map[string]string{name: value}, nil)
		if err != nil {
			var oe *OptionError
			if !errors.As(err, &oe) || oe.Key != name || !sentence.MatchString(err.Error()) {
				t.Errorf("not one sentence about the option: %q", err)
			}
			return
		}
		if s := opts.Stream; s.RollBytes < rollSizeMin || s.RollAge < rollAgeMin || s.CacheBytes <= 0 {
			t.Errorf("out of bounds: %+v", s)
		}
	})
}
