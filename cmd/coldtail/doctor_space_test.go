package main

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/cmd/coldtail/probe"
)

func TestJudgeSpace(t *testing.T) {
	const gib = 1 << 30
	plenty := room{free: 30 * gib, total: 100 * gib, inodes: 1_000_000, bound: 20 * gib}
	for name, tc := range map[string]struct {
		change func(*room)
		want   probe.Status
	}{
		"plenty":             {func(*room) {}, probe.OK},
		"exactly":            {func(r *room) { r.free = r.bound }, probe.OK},
		"less than bounds":   {func(r *room) { r.free = r.bound - 1 }, probe.Warn},
		"half is there":      {func(r *room) { r.free, r.filled = 10*gib, 10*gib }, probe.OK},
		"little, low bounds": {func(r *room) { r.free, r.bound = gib, gib }, probe.OK},
		"nothing":            {func(r *room) { r.free, r.filled = freeFails-1, r.bound }, probe.Fail},
		"no inodes":          {func(r *room) { r.inodes = 10 }, probe.Fail},
		"uncounted inodes":   {func(r *room) { r.inodes = -1 }, probe.OK},
	} {
		r := plenty
		tc.change(&r)
		got := judgeSpace(r)
		if got.Status != tc.want || got.Detail == "" || (got.Remedy == "") != (tc.want == probe.OK) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestDoctorSizes checks the bounds that the plugin would take, and whether the
// disk has room for them beside what is in them already.
func TestDoctorSizes(t *testing.T) {
	h := newHome(t)
	h.env = append(h.env, noEngine)
	state := filepath.Join(h.dir, "state")
	h.pipe("web", "one\ntwo\n", "--state", state, "--bucket", "file://"+h.dir+"/bucket")
	ctx := t.Context()
	bytes, err := filled(ctx, state)
	if err != nil || bytes == 0 {
		t.Errorf("%d bytes, %v", bytes, err)
	}
	if n, err := filled(ctx, filepath.Join(h.dir, "nosuch")); n != 0 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if got := space(ended, h.dir, state, nil, math.MaxInt64); got.Status != probe.Skip || got.Remedy != "" {
		t.Errorf("without time: %+v", got)
	}
	for name, tc := range map[string]struct {
		env, check string
		want       probe.Status
		text       string
	}{
		"defaults":     {"", "sizes", probe.OK, "16GiB wait to be archived, and 4GiB"},
		"bounds":       {"COLDTAIL_SPOOL_SIZE=2m", "sizes", probe.OK, "2MiB wait"},
		"no disk's":    {"COLDTAIL_SPOOL_SIZE=1000000t", "disk space", probe.Warn, "lower COLDTAIL_SPOOL_SIZE"},
		"no number":    {"COLDTAIL_SPOOL_SIZE=much", "sizes", probe.Fail, "must be a size greater than 0"},
		"less than 0":  {"COLDTAIL_CACHE_SIZE=-1", "sizes", probe.Fail, "COLDTAIL_CACHE_SIZE"},
		"also by flag": {"--spool-size=x", "sizes", probe.Fail, "--spool-size"},
	} {
		h := *h
		args := []string{"--state", state, "--bucket", "file://" + h.dir + "/bucket"}
		if strings.HasPrefix(tc.env, "--") {
			args = append(args, tc.env)
		} else {
			h.env = append(slices.Clone(h.env), tc.env)
		}
		res, out := h.doctor(args...)
		got := out.of(tc.check)
		if got.Status != tc.want || !strings.Contains(got.Detail+" "+got.Remedy, tc.text) || (res.status != exitOK) != (tc.want == probe.Fail) {
			t.Errorf("%s: %+v: %+v", name, got, res)
		}
	}
}
