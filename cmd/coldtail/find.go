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
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// findTimeout bounds each wait for the bucket while it is searched.
const findTimeout = 10 * time.Second

// parallelFinds bounds the requests that search for containers at a time.
const parallelFinds = 16

// idLen is the length of a container's id, in hexadecimal digits.
const idLen = 64

// target is a container whose log is asked for.
type target struct {
	key.Name        // as its marker says; the id alone where it has none
	label    string // of its lines among other containers'
	days     []key.Day
	meta     *codec.Meta // of the entry that was read last, where it is printed
}

// first is the start of its first day.
func (t *target) first() time.Time { return t.days[0].Day }

// last is the end of its last day.
func (t *target) last() time.Time { return t.days[len(t.days)-1].Day.AddDate(0, 0, 1) }

// who says whose logs are asked for: of the containers that any of names stands
// for, or of all, those of the services and hosts, where some are given.
type who struct {
	names, services, hosts []string
	// What has nothing later than these days need not be found: of a host's
	// containers, and of a name's. One that was renamed bears its name before, too.
	recent, recentNames time.Time
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
	n, err := key.ParseName(key.Name{Name: name, ContainerID: strings.Repeat("0", idLen)}.Key())
	if err != nil {
		return name
	}
	return n.Name
}

// find returns the containers that w stands for, in the order of service, name
// and host; the days are not known yet. With bare, an id alone is not looked up.
func (w *who) find(ctx context.Context, b bucket.Bucket, bare bool) ([]*target, error) {
	if bare && w.oneLog() && isID(w.names[0]) && !w.narrowed() {
		return []*target{{Name: key.Name{ContainerID: strings.ToLower(w.names[0])}}}, nil
	}
	// Who has no marker that this version can read, may have another.
	var newer catalog.Newer
	s := newSearch(w, newer.Watch(b, nil))
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	out, err := s.targets()
	if errors.Is(err, errNoLog) && s.trusting {
		err = fmt.Errorf("%w that its index markers name; coldtail reindex makes those that hosts of an older version did not, or that were lost", err)
	}
	if nerr := newer.Err(); errors.Is(err, errNoLog) && nerr != nil {
		err = fmt.Errorf("%w that this coldtail can read: %w", err, nerr)
	}
	return out, err
}

// targets returns the containers that were found, each once.
func (s *search) targets() ([]*target, error) {
	known := map[string]bool{}
	var out []*target
	for _, m := range s.wanted {
		found, err := m.result(s.w)
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			if !known[n.ContainerID] {
				known[n.ContainerID] = true
				out = append(out, &target{Name: n})
			}
		}
	}
	if len(out) == 0 {
		return nil, noLog(s.w)
	}
	return out, nil
}

var errNoLog = errors.New("the archive has no log")

func noLog(w *who) error { return fmt.Errorf("%w of %s", errNoLog, w) }

func isID(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == idLen
}

// loadDays finds the targets' days and leaves out those that have none.
func loadDays(ctx context.Context, b bucket.Bucket, targets []*target) ([]*target, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFinds)
	for _, t := range targets {
		g.Go(func() (err error) {
			if t.days, err = catalog.Days(gctx, b, t.ContainerID); err != nil {
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
