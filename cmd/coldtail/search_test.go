package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/codec/randtest"
)

// TestSearch: by their own markers the same containers are found as among all names.
func TestSearch(t *testing.T) {
	defer func(n int) { glanceNames = n }(glanceNames)
	r := randtest.New(t)
	names := []string{"web", "web-1", "shop-web-1", "a/b", "~", "..", "", strings.Repeat("x", 300), "ab12", "ünïcode", "app.1.xyz"}
	pick := func() string { return names[r.IntN(len(names))] }
	for range 30 {
		var keys []string
		var all []key.Name
		for i := range 1 + r.IntN(60) {
			n := container(pick(), pick(), pick())
			n.ContainerID = fmt.Sprintf("%x%s%061x", r.IntN(16), "b", i)
			n.ContainerID += strings.Repeat("0", idLen-len(n.ContainerID))
			for range 1 + r.IntN(2) { // it may be renamed
				day := time.Now().AddDate(0, 0, -r.IntN(800))
				m := key.Meta{Format: codec.Parquet, ContainerID: n.ContainerID, Hour: day}
				keys = append(keys, m.Markers(n)...)
				all = append(all, n)
				n.Name = pick()
			}
		}
		l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(keys, key.Complete)...)}}
		one := all[r.IntN(len(all))]
		for _, w := range []*who{
			{names: []string{one.Name}}, {names: []string{one.ContainerID}}, {names: []string{one.ContainerID[:1+r.IntN(6)]}}, {names: []string{strings.ToUpper(one.ContainerID[:12])}},
			{names: []string{one.Name}, hosts: []string{one.Host}}, {names: []string{one.Name}, services: []string{one.Service}}, {hosts: []string{one.Host}},
			{names: []string{one.ContainerID[:8]}, hosts: []string{one.Host}}, {names: []string{one.ContainerID[:8]}, services: []string{one.Service}},
			{hosts: []string{one.Host, pick()}, services: []string{one.Service, pick()}}, {names: []string{one.Name, pick(), "nobody"}}, {names: []string{"nobody"}},
		} {
			if slices.Contains(w.names, "") {
				continue
			}
			found := func(glance int) (ids []string) {
				glanceNames = glance
				targets, err := w.find(t.Context(), l, false)
				if errors.Is(err, errNoLog) {
					return []string{errNoLog.Error()}
				}
				if err != nil {
					return []string{err.Error()}
				}
				for _, x := range targets {
					if len(w.names) == 1 && hexadecimal(strings.ToLower(w.names[0])) { // an id alone does not say who it was
						x.Name = key.Name{ContainerID: x.ContainerID}
					}
					ids = append(ids, x.Name.Key())
				}
				slices.Sort(ids)
				return ids
			}
			if want, got := found(1_000_000), found(1); !slices.Equal(got, want) {
				t.Errorf("%v: %q, among all names %q", w, got, want)
			}
		}
	}
}

func TestLikelyServices(t *testing.T) {
	for name, want := range map[string]string{
		"web": "web", "shop-web-1": "shop-web-1 web", "shop_web_1": "shop_web_1 web", "shop-my-api-2": "api my-api shop-my-api-2",
		"stack_api.3.x7k2": "stack_api stack_api.3.x7k2", "-": "-", "a.": "a a.",
	} {
		if got := strings.Join(likelyServices(name), " "); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := likelyServices(strings.Repeat("-", 10_000)); len(got) > maxLikely {
		t.Errorf("%d services", len(got))
	}
}

// TestOldHostsAreFound: a host of an older version, that gives no markers by name,
// is found where its service is what such a name usually has.
func TestOldHostsAreFound(t *testing.T) {
	defer func(n int) { glanceNames = n }(glanceNames)
	glanceNames = 1
	old := container("web", "shop-web-1", "north")
	l := &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(keysOf(old, codec.Parquet, time.Now()), key.Complete)...)}}
	w := &who{names: []string{"shop-web-1"}}
	if got, err := w.find(t.Context(), l, true); err != nil || len(got) != 1 || got[0].Name != old {
		t.Errorf("got %+v, %v", got, err)
	}
	// Of another service it is not, and the error says what helps.
	odd := container("proxy", "edge", "north")
	l = &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(keysOf(odd, codec.Parquet, time.Now()), append(keysOf(old, codec.Parquet, time.Now()), key.Complete)...)...)}}
	for _, w := range []*who{{names: []string{"edge"}}, {hosts: []string{"north"}}} {
		if _, err := w.find(t.Context(), l, true); !errors.Is(err, errNoLog) || !strings.Contains(err.Error(), "coldtail reindex") {
			t.Errorf("%v: %v", w, err)
		}
	}
	// Where nothing says that they are complete, all names are looked through.
	l = &buckettest.Listing{Sections: []buckettest.Section{buckettest.Keys(append(keysOf(odd, codec.Parquet, time.Now()), keysOf(old, codec.Parquet, time.Now())...)...)}}
	w = &who{names: []string{"edge"}}
	if got, err := w.find(t.Context(), l, true); err != nil || len(got) != 1 || got[0].Name != odd {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestSinceOfAHost: that a host has nothing since then is no reason to say that it
// has no log, however large the archive is.
func TestSinceOfAHost(t *testing.T) {
	defer func(n int) { glanceNames = n }(glanceNames)
	s := newShelf(t)
	n := container("web", "shop-web-1", "north")
	s.say(n, at(0, "a"))
	for _, key := range (key.Meta{Format: codec.Parquet, ContainerID: n.ContainerID, Hour: noon}).Markers(n) {
		s.touch(key)
	}
	s.touch(key.Complete)
	later := noon.AddDate(0, 0, 2).Format(time.RFC3339)
	for _, glanceNames = range []int{1, 1000} {
		for _, args := range [][]string{{"--host", "north"}, {"--host", "north", "--service", "web"}, {"--host", "north", n.ContainerID[:12]}} {
			s.logs(append(args, "--since", later)...).want(t, "", "")
			if res := s.logs(append(args, "--since", noon.Format(time.RFC3339))...); res.status != exitOK || !strings.Contains(res.stdout, "a\n") {
				t.Errorf("%v: %+v", args, res)
			}
		}
		if res := s.logs("--host", "nobody", "--since", later); res.status != exitFailure {
			t.Errorf("%+v", res)
		}
	}
}
