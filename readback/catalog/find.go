package catalog

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// Want says which of a container's entries the chunks of Find hold.
type Want struct {
	// Tail asks for the last Tail entries; codec.All for all.
	Tail int64
	// Since and Until bound the entries' times; zero values do not. The chunks
	// of a tail do not end at Until, as its entries count up to the newest.
	Since, Until time.Time
	// Known are chunks that need no finding; of the spool Complete, if it is not
	// empty, these are all.
	Known    []Chunk
	Complete string
	// Elsewhere, unless nil, tells of chunks whose entries are read from elsewhere:
	// they are not found, and do not count.
	Elsewhere func(key.Meta) bool
}

// The listings of a tail, round by round. The first round has the newest hours,
// fewer where there are also some of the future: another host's clock may be
// wrong, by a time zone at most. With the second, the newest day and the evening
// of the one before are covered.
const (
	firstHours  = 13
	nowHours    = 8
	maxAhead    = 14 * time.Hour
	secondHours = 16

	hourSeconds = 3600
)

// Find returns chunks that hold at least what is wanted, in the order of List,
// and lists no more partitions than it has to: those of the time range, and of
// a tail the newest, hour by hour.
//
// Order is by sequence number and partitions are by time, so what was found
// needs a proof: the numbers of neighbours follow each other without a hole,
// but for a gap row that tells of it. Where that fails, older and in the end
// all partitions are listed. What no proof can tell is what lies beyond the ends
// of what was found: entries that a clock filed hours before the newest ones,
// and that has not caught up since; or of a range, entries of a clock that left
// it and came back before the first or after the last that was found.
func Find(ctx context.Context, b bucket.Bucket, containerID string, w Want) ([]Chunk, error) {
	f := &finder{b: b, id: containerID, w: w, lister: newLister(b, containerID), listed: map[key.Partition]bool{}}
	f.add(w.Known)
	var err error
	if w.Tail == codec.All {
		err = f.span(ctx)
	} else {
		err = f.tail(ctx)
	}
	return f.found, err
}

type finder struct {
	b      bucket.Bucket
	id     string
	w      Want
	lister *lister
	days   *daySet // known ones
	listed map[key.Partition]bool
	found  []Chunk // sorted, each once
	gaps   map[string]int64
}

// span finds the chunks of a time range.
func (f *finder) span(ctx context.Context) error {
	if f.w.Since.IsZero() && f.w.Until.IsZero() {
		return f.everything(ctx)
	}
	var err error
	if f.days, err = daysSince(ctx, f.b, f.id, f.w.Since); err != nil {
		return err
	}
	in := slices.DeleteFunc(partitions(f.days.all()), func(p key.Partition) bool {
		return !f.w.Until.IsZero() && p.Hour > f.w.Until.Unix() || !f.endsAfterSince(p)
	})
	if err := f.list(ctx, in); err != nil {
		return err
	}
	if ok, err := f.proven(ctx, true); ok || err != nil {
		return err
	}
	return f.everything(ctx)
}

// tail finds the chunks of the last entries.
func (f *finder) tail(ctx context.Context) error {
	if ok, err := f.proven(ctx, false); ok || err != nil {
		return err
	}
	var err error
	complete := false // the days are all that there are, or that are wanted
	if f.days, complete, err = newestDays(ctx, f.b, f.id); err != nil {
		return err
	}
	complete = complete && !f.days.moreEarly || f.w.Since.After(time.Now().AddDate(0, 0, 1-windowDays))
	if setBack(f.days.all()) || f.days.moreLate {
		return f.everything(ctx)
	}
	n, rest := f.newestFirst()
	for next := secondHours; len(rest) > 0; n, next = next, 2*next {
		now := rest[:wholeHours(rest, n)]
		if next > 2*secondHours { // the hours are too many for a request each
			now = rest[:wholeDay(rest, len(now))]
		}
		rest = rest[len(now):]
		if err := f.list(ctx, now); err != nil {
			return err
		}
		bottom := complete && !slices.ContainsFunc(rest, f.endsAfterSince)
		if ok, err := f.proven(ctx, bottom); ok || err != nil {
			return err
		}
	}
	if complete {
		return nil
	}
	return f.everything(ctx)
}

// wholeDay is n, or as many more of ps as it takes not to part a day.
func wholeDay(ps []key.Partition, n int) int {
	for 0 < n && n < len(ps) && ps[n].StartOfDay().Hour == ps[n-1].StartOfDay().Hour {
		n++
	}
	return n
}

// wholeHours is n, or as many more of ps as it takes not to part the formats of
// an hour: the newest entries may be of any.
func wholeHours(ps []key.Partition, n int) int {
	n = min(n, len(ps))
	for 0 < n && n < len(ps) && ps[n].Hour == ps[n-1].Hour {
		n++
	}
	return n
}

func (f *finder) endsAfterSince(p key.Partition) bool {
	return f.w.Since.IsZero() || p.Hour+hourSeconds > f.w.Since.Unix()
}

// newestFirst orders the partitions of the known days, and says how many to list
// in the first round.
func (f *finder) newestFirst() (first int, ps []key.Partition) {
	all := partitions(f.days.all())
	slices.SortStableFunc(all, func(a, b key.Partition) int { return cmp.Compare(b.Hour, a.Hour) })
	from := func(limit time.Time) int {
		i := slices.IndexFunc(all, func(p key.Partition) bool { return p.Hour <= limit.Unix() })
		if i < 0 {
			return len(all)
		}
		return i
	}
	now := time.Now()
	ahead, past := from(now.Add(maxAhead)), from(now.Add(time.Hour))
	first = firstHours
	if past > ahead {
		first = past - ahead + nowHours
	}
	// Hours that are further ahead come last.
	return first, append(slices.Clone(all[ahead:]), all[:ahead]...)
}

// everything lists all that was not yet listed.
func (f *finder) everything(ctx context.Context) error {
	var err error
	if f.days, err = daysSince(ctx, f.b, f.id, time.Time{}); err != nil {
		return err
	}
	if err := f.list(ctx, partitions(f.days.all())); err != nil {
		return err
	}
	more, err := f.lister.unlisted(ctx, f.days)
	f.keep(more)
	return err
}

// list lists partitions, many at a time.
func (f *finder) list(ctx context.Context, ps []key.Partition) error {
	ps = slices.DeleteFunc(slices.Clone(ps), func(p key.Partition) bool { return f.listed[p] })
	results, err := f.lister.list(ctx, ps)
	if err != nil {
		return err
	}
	for _, p := range ps {
		f.listed[p] = true
	}
	f.keep(results)
	return nil
}

// keep adds what is not read from elsewhere.
func (f *finder) keep(chunks []Chunk) {
	f.add(slices.DeleteFunc(chunks, func(c Chunk) bool { return f.w.Elsewhere != nil && f.w.Elsewhere(c.Meta) }))
}

// add merges chunks into what was found.
func (f *finder) add(chunks []Chunk) {
	if len(chunks) == 0 {
		return
	}
	f.found = append(slices.Clip(f.found), chunks...)
	Sort(f.found)
	f.found = slices.CompactFunc(f.found, func(a, b Chunk) bool { return a.Meta == b.Meta })
}

// partitions are the hours of days.
func partitions(days []markedDay) []key.Partition {
	var ps []key.Partition
	for _, d := range days {
		for hour := range 24 {
			ps = append(ps, key.Partition{Format: d.Format, Hour: d.Day.Day.Add(time.Duration(hour) * time.Hour).Unix()})
		}
	}
	return ps
}
