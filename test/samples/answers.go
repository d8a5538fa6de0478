package samples

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// Answers compute from the lines what a query of docs/queries.md must give, as
// rows of Row.
var Answers = map[string]func([]Logged) []string{
	"errors-by-service":       errorsByService,
	"one-container-one-hour":  oneContainerOneHour,
	"lines-per-minute":        linesPerMinute,
	"request-across-services": requestAcrossServices,
	"noisiest-containers":     noisiestContainers,
	"last-lines":              lastLines,
	"gaps":                    gaps,
	"json-fields":             jsonFields,
	"latency-p99":             latencyP99,
	"rows-by-image-and-label": rowsByImageAndLabel,
}

// SecondDay is the day that most of the queries ask for.
const SecondDay = "2026-11-20"

// Row joins values, as Text writes them.
func Row(values ...any) string {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = Text(v)
	}
	return strings.Join(cells, " | ")
}

func where(all []Logged, keep func(l *Logged) bool) (kept []Logged) {
	for i := range all {
		if keep(&all[i]) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// count is how often each key occurs, in the order of less.
type count struct {
	key string
	n   int
}

func counts(all []Logged, key func(*Logged) string) (out []count) {
	byKey := map[string]int{}
	for i := range all {
		byKey[key(&all[i])]++
	}
	for k, n := range byKey {
		out = append(out, count{k, n})
	}
	slices.SortFunc(out, func(a, b count) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.key, b.key)) })
	return out
}

func errorsByService(all []Logged) (want []string) {
	errors := where(all, func(l *Logged) bool {
		return l.DT() == SecondDay && l.Hour() >= 8 && l.Hour() <= 10 &&
			(l.Stream == "stderr" || l.Stream == "stdout" && strings.Contains(strings.ToLower(l.Body), "error"))
	})
	for _, c := range counts(errors, func(l *Logged) string { return l.Meta.ServiceName }) {
		want = append(want, Row(c.key, c.n))
	}
	return want
}

func oneContainerOneHour(all []Logged) (want []string) {
	for _, l := range where(all, func(l *Logged) bool {
		return l.DT() == SecondDay && l.Hour() == 9 && l.Meta.ContainerName == "shop-api-1"
	}) {
		want = append(want, Row(l.Time, l.Stream, l.Body))
	}
	return want
}

func linesPerMinute(all []Logged) (want []string) {
	var lines, onStderr [60]int
	for _, l := range where(all, func(l *Logged) bool {
		return l.DT() == SecondDay && l.Hour() == 9 && l.Meta.ServiceName == "api"
	}) {
		lines[l.Time.Minute()]++
		if l.Stream == "stderr" {
			onStderr[l.Time.Minute()]++
		}
	}
	for minute, n := range lines {
		if n > 0 {
			want = append(want, Row(time.Date(2026, 11, 20, 9, minute, 0, 0, time.UTC), n, onStderr[minute]))
		}
	}
	return want
}

func requestAcrossServices(all []Logged) (want []string) {
	found := where(all, func(l *Logged) bool {
		return l.DT() == SecondDay && l.Hour() >= 8 && l.Hour() <= 10 && strings.Contains(l.Body, "req-000042")
	})
	slices.SortStableFunc(found, func(a, b Logged) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Meta.ContainerID, b.Meta.ContainerID), cmp.Compare(a.Seq, b.Seq))
	})
	for _, l := range found {
		want = append(want, Row(l.Time, l.Meta.ServiceName, l.Meta.ContainerName, l.Body))
	}
	return want
}

func noisiestContainers(all []Logged) (want []string) {
	type sum struct{ lines, bytes int }
	sums := map[*codec.Meta]sum{}
	var metas []*codec.Meta
	for _, l := range where(all, func(l *Logged) bool { return l.DT() == SecondDay }) {
		s, ok := sums[l.Meta]
		if !ok {
			metas = append(metas, l.Meta)
		}
		sums[l.Meta] = sum{s.lines + 1, s.bytes + len(l.Body)}
	}
	slices.SortFunc(metas, func(a, b *codec.Meta) int { return cmp.Compare(sums[b].bytes, sums[a].bytes) })
	for _, m := range metas[:3] {
		want = append(want, Row(m.ContainerName, m.HostName, sums[m].lines, sums[m].bytes))
	}
	return want
}

func lastLines(all []Logged) (want []string) {
	last := map[string][]Logged{}
	for _, l := range where(all, func(l *Logged) bool { return l.Meta.ServiceName == "worker" }) {
		id := l.Meta.ContainerID
		last[id] = append(last[id], l)
	}
	var ids []string
	for id := range last {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, l := range last[id][len(last[id])-5:] {
			want = append(want, Row(l.Meta.ContainerName, l.Time, l.Stream, l.Body))
		}
	}
	return want
}

func gaps(all []Logged) (want []string) {
	found := where(all, func(l *Logged) bool { return l.Stream == "coldtail" })
	slices.SortFunc(found, func(a, b Logged) int { return a.Time.Compare(b.Time) })
	for _, l := range found {
		want = append(want, Row(l.Time, l.Meta.ContainerName, l.Meta.HostName, 17, "spool quota"))
	}
	return want
}

func jsonFields(all []Logged) (want []string) {
	lines := where(all, func(l *Logged) bool {
		return l.DT() == SecondDay && l.Hour() == 9 && l.Meta.ServiceName == "api" && strings.HasPrefix(l.Body, "{")
	})
	groups := counts(lines, func(l *Logged) string {
		var fields struct {
			Path   string
			Status int
		}
		if json.Unmarshal([]byte(l.Body), &fields) != nil {
			return Row(nil, nil)
		}
		return Row(fields.Path, fields.Status)
	})
	for _, c := range groups {
		want = append(want, c.key+" | "+strconv.Itoa(c.n))
	}
	return want
}

func latencyP99(all []Logged) (want []string) {
	pattern := regexp.MustCompile(`took ([0-9.]+) ms`)
	var ms []float64
	for _, l := range where(all, func(l *Logged) bool { return l.DT() == SecondDay }) {
		if m := pattern.FindStringSubmatch(l.Body); m != nil {
			v, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				panic(err)
			}
			ms = append(ms, v)
		}
	}
	slices.Sort(ms)
	// The smallest value that 99 of 100 do not exceed.
	rank := (len(ms)*99 + 99) / 100
	return []string{Row("worker", len(ms), ms[rank-1])}
}

func rowsByImageAndLabel(all []Logged) (want []string) {
	type group struct {
		lines      int
		containers map[string]bool
	}
	type key struct{ image, team string }
	groups := map[key]*group{}
	var keys []key
	for _, l := range where(all, func(l *Logged) bool { return l.DT() == SecondDay }) {
		k := key{l.Meta.ImageName, "null"}
		if team, ok := l.Meta.Labels["team"]; ok {
			k.team = team
		}
		if groups[k] == nil {
			groups[k] = &group{containers: map[string]bool{}}
			keys = append(keys, k)
		}
		groups[k].lines++
		groups[k].containers[l.Meta.ContainerID] = true
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(groups[b].lines, groups[a].lines), cmp.Compare(a.image, b.image))
	})
	for _, k := range keys {
		want = append(want, Row(k.image, k.team, groups[k].lines, len(groups[k].containers)))
	}
	return want
}
