//go:build cgo

package query

import (
	"cmp"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/codec"
)

// documented returns the queries of docs/queries.md by name: DuckDB's.
func documented(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("../../docs/queries.md")
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for section := range strings.SplitSeq(string(b), "<!-- query: ") {
		name, rest, ok := strings.Cut(section, " -->\n## ")
		if !ok {
			continue
		}
		_, rest, _ = strings.Cut(rest, "\n```sql\n")
		query, _, ok := strings.Cut(rest, "\n```\n")
		if !ok || queries[name] != "" {
			t.Fatalf("docs/queries.md: query %q has no sql block, or is there twice", name)
		}
		queries[name] = query
	}
	return queries
}

// answers compute from the lines what a query must give.
var answers = map[string]func([]logged) []string{
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

func TestQueries(t *testing.T) {
	queries := documented(t)
	if len(queries) != len(answers) {
		t.Errorf("docs/queries.md has %d queries, want %d", len(queries), len(answers))
	}
	for _, f := range codec.Formats() {
		dir, all := archiveShop(t, f)
		db := openView(t, f, dir)
		for name, answer := range answers {
			t.Run(name+" "+string(f), func(t *testing.T) {
				want := answer(all)
				if len(want) == 0 {
					t.Fatal("the lines have no answer")
				}
				rows, err := db.Query(queries[name])
				if err != nil {
					t.Fatal(err)
				}
				if d := gocmp.Diff(want, texts(t, rows)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

const secondDay = "2026-11-20"

// row is what texts makes of a row of these values.
func row(values ...any) string {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = text(v)
	}
	return strings.Join(cells, " | ")
}

func where(all []logged, keep func(l *logged) bool) (kept []logged) {
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

func counts(all []logged, key func(*logged) string) (out []count) {
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

func errorsByService(all []logged) (want []string) {
	errors := where(all, func(l *logged) bool {
		return l.dt() == secondDay && l.hour() >= 8 && l.hour() <= 10 &&
			(l.stream == "stderr" || l.stream == "stdout" && strings.Contains(strings.ToLower(l.body), "error"))
	})
	for _, c := range counts(errors, func(l *logged) string { return l.meta.ServiceName }) {
		want = append(want, row(c.key, c.n))
	}
	return want
}

func oneContainerOneHour(all []logged) (want []string) {
	for _, l := range where(all, func(l *logged) bool {
		return l.dt() == secondDay && l.hour() == 9 && l.meta.ContainerName == "shop-api-1"
	}) {
		want = append(want, row(l.time, l.stream, l.body))
	}
	return want
}

func linesPerMinute(all []logged) (want []string) {
	var lines, onStderr [60]int
	for _, l := range where(all, func(l *logged) bool {
		return l.dt() == secondDay && l.hour() == 9 && l.meta.ServiceName == "api"
	}) {
		lines[l.time.Minute()]++
		if l.stream == "stderr" {
			onStderr[l.time.Minute()]++
		}
	}
	for minute, n := range lines {
		if n > 0 {
			want = append(want, row(time.Date(2026, 11, 20, 9, minute, 0, 0, time.UTC), n, onStderr[minute]))
		}
	}
	return want
}

func requestAcrossServices(all []logged) (want []string) {
	found := where(all, func(l *logged) bool {
		return l.dt() == secondDay && l.hour() >= 8 && l.hour() <= 10 && strings.Contains(l.body, "req-000042")
	})
	slices.SortStableFunc(found, func(a, b logged) int {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.meta.ContainerID, b.meta.ContainerID), cmp.Compare(a.seq, b.seq))
	})
	for _, l := range found {
		want = append(want, row(l.time, l.meta.ServiceName, l.meta.ContainerName, l.body))
	}
	return want
}

func noisiestContainers(all []logged) (want []string) {
	type sum struct{ lines, bytes int }
	sums := map[*codec.Meta]sum{}
	var metas []*codec.Meta
	for _, l := range where(all, func(l *logged) bool { return l.dt() == secondDay }) {
		s, ok := sums[l.meta]
		if !ok {
			metas = append(metas, l.meta)
		}
		sums[l.meta] = sum{s.lines + 1, s.bytes + len(l.body)}
	}
	slices.SortFunc(metas, func(a, b *codec.Meta) int { return cmp.Compare(sums[b].bytes, sums[a].bytes) })
	for _, m := range metas[:3] {
		want = append(want, row(m.ContainerName, m.HostName, sums[m].lines, sums[m].bytes))
	}
	return want
}

func lastLines(all []logged) (want []string) {
	last := map[string][]logged{}
	for _, l := range where(all, func(l *logged) bool { return l.meta.ServiceName == "worker" }) {
		id := l.meta.ContainerID
		last[id] = append(last[id], l)
	}
	var ids []string
	for id := range last {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, l := range last[id][len(last[id])-5:] {
			want = append(want, row(l.meta.ContainerName, l.time, l.stream, l.body))
		}
	}
	return want
}

func gaps(all []logged) (want []string) {
	found := where(all, func(l *logged) bool { return l.stream == "coldtail" })
	slices.SortFunc(found, func(a, b logged) int { return a.time.Compare(b.time) })
	for _, l := range found {
		want = append(want, row(l.time, l.meta.ContainerName, l.meta.HostName, 17, "spool quota"))
	}
	return want
}

func jsonFields(all []logged) (want []string) {
	lines := where(all, func(l *logged) bool {
		return l.dt() == secondDay && l.hour() == 9 && l.meta.ServiceName == "api" && strings.HasPrefix(l.body, "{")
	})
	groups := counts(lines, func(l *logged) string {
		var fields struct {
			Path   string
			Status int
		}
		if json.Unmarshal([]byte(l.body), &fields) != nil {
			return row(nil, nil)
		}
		return row(fields.Path, fields.Status)
	})
	for _, c := range groups {
		want = append(want, c.key+" | "+strconv.Itoa(c.n))
	}
	return want
}

func latencyP99(all []logged) (want []string) {
	pattern := regexp.MustCompile(`took ([0-9.]+) ms`)
	var ms []float64
	for _, l := range where(all, func(l *logged) bool { return l.dt() == secondDay }) {
		if m := pattern.FindStringSubmatch(l.body); m != nil {
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
	return []string{row("worker", len(ms), ms[rank-1])}
}

func rowsByImageAndLabel(all []logged) (want []string) {
	type group struct {
		lines      int
		containers map[string]bool
	}
	type key struct{ image, team string }
	groups := map[key]*group{}
	var keys []key
	for _, l := range where(all, func(l *logged) bool { return l.dt() == secondDay }) {
		k := key{l.meta.ImageName, "null"}
		if team, ok := l.meta.Labels["team"]; ok {
			k.team = team
		}
		if groups[k] == nil {
			groups[k] = &group{containers: map[string]bool{}}
			keys = append(keys, k)
		}
		groups[k].lines++
		groups[k].containers[l.meta.ContainerID] = true
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(groups[b].lines, groups[a].lines), cmp.Compare(a.image, b.image))
	})
	for _, k := range keys {
		want = append(want, row(k.image, k.team, groups[k].lines, len(groups[k].containers)))
	}
	return want
}
