package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/codec"
)

// findTimeout bounds each wait for the bucket while it is searched.
const findTimeout = 10 * time.Second

// parallelFinds bounds the requests that search for containers at a time.
const parallelFinds = 16

// idLen is the length of a container's id, in hexadecimal digits.
const idLen = 64

// target is a container whose log is asked for.
type target struct {
	chunk.Name        // as its marker says; the id alone where it has none
	label      string // of its lines among other containers'
	days       []chunk.Day
	meta       *codec.Meta // of the entry that was read last, where it is printed
}

// first is the start of its first day.
func (t *target) first() time.Time { return t.days[0].Day }

// last is the end of its last day.
func (t *target) last() time.Time { return t.days[len(t.days)-1].Day.AddDate(0, 0, 1) }

// who says whose logs are asked for: of the containers that any of names stands
// for, or of all, those of the services and hosts, where some are given.
type who struct {
	names, services, hosts []string
}

// chosen tells that not everybody's are asked for.
func (w *who) chosen() bool { return len(w.names)+len(w.services)+len(w.hosts) > 0 }

func (w *who) check() error {
	if !w.chosen() {
		return usagef("NAME or ID is missing, or --service or --host")
	}
	for _, list := range [][]string{w.names, w.services, w.hosts} {
		if slices.Contains(list, "") {
			return usagef("the name is empty")
		}
	}
	return nil
}

// narrowed tells that a name may stand for fewer containers than bore it.
func (w *who) narrowed() bool { return len(w.services)+len(w.hosts) > 0 }

// oneLog tells that the containers wrote one log, one after the other.
func (w *who) oneLog() bool { return len(w.names) == 1 }

func (w *who) String() string {
	var parts []string
	for _, p := range []struct {
		what string
		list []string
	}{{"a container", w.names}, {"service", w.services}, {"host", w.hosts}} {
		if len(p.list) > 0 {
			parts = append(parts, p.what+" "+quoted(p.list))
		}
	}
	return strings.Join(parts, " and ")
}

func quoted(list []string) string {
	var q []string
	for _, s := range list {
		q = append(q, strconv.Quote(s))
	}
	return strings.Join(q, " or ")
}

// asMarker is a name as it comes back from a marker, which cuts long ones.
func asMarker(name string) string {
	n, err := chunk.ParseNameKey(chunk.Name{Name: name, ContainerID: strings.Repeat("0", idLen)}.Key())
	if err != nil {
		return name
	}
	return n.Name
}

// index returns the name markers of the services, or all, that the hosts' may be.
func (w *who) index(ctx context.Context, b bucket.Bucket) ([]chunk.Name, error) {
	filters := []chunk.Name{{}}
	if len(w.services) > 0 {
		filters = nil
		for _, s := range w.services {
			filters = append(filters, chunk.Name{Service: s})
		}
	}
	var hosts []string
	for _, h := range w.hosts {
		hosts = append(hosts, asMarker(h))
	}
	var names []chunk.Name
	for _, f := range filters {
		for n, err := range chunk.Names(ctx, b, f) {
			if err != nil {
				return nil, fmt.Errorf("look for %s: %w", w, err)
			}
			if len(hosts) == 0 || slices.Contains(hosts, n.Host) {
				names = append(names, n)
			}
		}
	}
	return names, nil
}

// find returns the containers that w stands for, in the order of service, name
// and host; the days are not known yet. With bare, an id alone is not looked up.
func (w *who) find(ctx context.Context, b bucket.Bucket, bare bool) ([]*target, error) {
	if bare && w.oneLog() && isID(w.names[0]) && !w.narrowed() {
		return []*target{{Name: chunk.Name{ContainerID: strings.ToLower(w.names[0])}}}, nil
	}
	index, err := w.index(ctx, b)
	if err != nil {
		return nil, err
	}
	chosen := index
	if len(w.names) > 0 {
		chosen = nil
		for _, name := range w.names {
			found, err := match(index, name)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 && isID(name) && !w.narrowed() {
				found = []chunk.Name{{ContainerID: strings.ToLower(name)}} // its marker may be lost
			}
			if len(found) == 0 {
				return nil, noLog(&who{names: []string{name}, services: w.services, hosts: w.hosts})
			}
			chosen = append(chosen, found...)
		}
	}
	known := map[string]bool{}
	var out []*target
	for _, n := range chosen {
		if !known[n.ContainerID] {
			known[n.ContainerID] = true
			out = append(out, &target{Name: n})
		}
	}
	if len(out) == 0 {
		return nil, noLog(w)
	}
	return out, nil
}

var errNoLog = errors.New("the archive has no log")

func noLog(w *who) error { return fmt.Errorf("%w of %s", errNoLog, w) }

func isID(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == idLen
}

// match returns the containers that name stands for: a whole id, else a name
// that containers bore, else the start of one id. A name comes before an id's
// start, as for docker.
func match(index []chunk.Name, name string) (found []chunk.Name, err error) {
	id := strings.ToLower(name)
	marked := asMarker(name)
	starts := 0
	var byStart []chunk.Name
	for _, n := range index {
		switch {
		case isID(name):
			if n.ContainerID == id {
				return []chunk.Name{n}, nil
			}
		case n.Name == marked:
			found = append(found, n)
		case strings.HasPrefix(n.ContainerID, id):
			if !slices.ContainsFunc(byStart, func(o chunk.Name) bool { return o.ContainerID == n.ContainerID }) {
				starts++
			}
			if starts < 2 {
				byStart = append(byStart, n)
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if starts > 1 {
		return nil, usagef("%q is the start of %d containers' ids: give more of it", name, starts)
	}
	return byStart, nil
}

// containers returns the ids that name stands for.
func containers(ctx context.Context, b bucket.Bucket, name string) (ids []string, err error) {
	w := &who{names: []string{name}}
	if err := w.check(); err != nil {
		return nil, err
	}
	found, err := w.find(ctx, b, true)
	for _, t := range found {
		ids = append(ids, t.ContainerID)
	}
	return ids, err
}

// loadDays finds the targets' days and leaves out those that have none.
func loadDays(ctx context.Context, b bucket.Bucket, targets []*target) ([]*target, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFinds)
	for _, t := range targets {
		g.Go(func() (err error) {
			if t.days, err = chunk.Days(gctx, b, t.ContainerID); err != nil {
				return fmt.Errorf("find the days of container %.12s: %w", t.ContainerID, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(targets, func(t *target) bool { return len(t.days) == 0 }), nil
}
