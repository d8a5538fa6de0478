package main

import (
	"cmp"
	"slices"

	"github.com/coldtail/coldtail/codec"
)

// logLine is an entry, or several that make one line.
type logLine struct {
	codec.Entry            // of the first part; Line is the whole line
	parts       []linePart // where it came in several
	meta        *codec.Meta
}

type linePart struct {
	Seq   int64 `json:"seq"`
	Bytes int   `json:"bytes"`
}

// joiner makes lines of the parts into which Docker cuts long ones, so that
// several containers' lines do not mix, and a line is searched as one. A line
// longer than codec.JoinMaxBytes comes in pieces.
type joiner struct {
	emit func(*target, *logLine) error
	open map[joinKey]*logLine
	out  logLine
}

type joinKey struct {
	t      *target
	source string
}

func newJoiner(emit func(*target, *logLine) error) *joiner {
	return &joiner{emit: emit, open: map[joinKey]*logLine{}}
}

// add takes the next entry of t.
func (j *joiner) add(t *target, e *codec.Entry) error {
	key := joinKey{t, e.Source}
	open := j.open[key]
	if open != nil && (!e.Partial || e.TimeNano != open.TimeNano || len(open.Line)+len(e.Line) > codec.JoinMaxBytes) {
		// It was left unfinished: its parts have one time.
		if err := j.close(key); err != nil {
			return err
		}
		open = nil
	}
	if open == nil {
		if e.Newline() {
			j.out = logLine{Entry: *e, meta: t.meta}
			return j.emit(t, &j.out)
		}
		open = &logLine{Entry: *e, meta: t.meta}
		open.Line = nil
		j.open[key] = open
	}
	open.Line = append(open.Line, e.Line...)
	open.parts = append(open.parts, linePart{e.Seq, len(e.Line)})
	if e.Newline() {
		open.Last = true
		return j.close(key)
	}
	return nil
}

func (j *joiner) close(key joinKey) error {
	line := j.open[key]
	delete(j.open, key)
	if len(line.parts) == 1 {
		line.parts = nil
	}
	return j.emit(key.t, line)
}

// finish emits what is unfinished, of t or, with nil, of all, the earliest first.
func (j *joiner) finish(t *target) error {
	var keys []joinKey
	for key := range j.open {
		if t == nil || key.t == t {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b joinKey) int {
		x, y := j.open[a], j.open[b]
		return cmp.Or(cmp.Compare(x.TimeNano, y.TimeNano), cmp.Compare(a.t.ContainerID, b.t.ContainerID), cmp.Compare(x.Seq, y.Seq))
	})
	for _, key := range keys {
		if err := j.close(key); err != nil {
			return err
		}
	}
	return nil
}
