package samples

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// Logged is a line of the shop, whose logs the queries of docs/queries.md are
// asked about. What they must answer is computed from these.
type Logged struct {
	Meta   *codec.Meta
	Seq    int64
	Time   time.Time // UTC
	Stream string
	Body   string
}

// DT is the day that the line is filed under.
func (l *Logged) DT() string { return l.Time.Format(time.DateOnly) }

// Hour is the hour of that day.
func (l *Logged) Hour() int { return l.Time.Hour() }

// Text is how a value of a row, or of what is expected, is compared.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case time.Time:
		return v.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
	case *big.Int:
		return v.String()
	}
	return fmt.Sprint(v)
}

func shopContainers() []codec.Meta {
	meta := func(service, name, host, image string, labels ...string) codec.Meta {
		m := codec.Meta{ContainerID: key.ContainerID(name), ContainerName: name, ServiceName: service, HostName: host, ImageName: image, ImageID: "sha256:" + image}
		for i := 0; i < len(labels); i += 2 {
			if m.Labels == nil {
				m.Labels = map[string]string{}
			}
			m.Labels[labels[i]] = labels[i+1]
		}
		return m
	}
	return []codec.Meta{
		meta("api", "shop-api-1", "host-a", "shop/api:1", "team", "shop"),
		meta("api", "shop-api-2", "host-b", "shop/api:2", "team", "shop", "canary", "yes"),
		meta("web", "shop-web-1", "host-a", "shop/web:1", "team", "shop"),
		meta("worker", "shop-worker-1", "host-a", "shop/batch:7"),
		meta("worker", "shop-worker-2", "host-b", "shop/batch:7", "team", "data"),
		meta("db", "shop-db-1", "host-b", "postgres:17", "tier", "store"),
	}
}

// shop logs from 22:00 of the first to 12:00 of the second day.
func shop() (all [][]Logged) {
	r := rand.New(rand.NewPCG(5, 7))
	begin := time.Date(2026, 11, 19, 22, 0, 0, 0, time.UTC)
	metas := shopContainers()
	for i := range metas {
		m := &metas[i]
		var lines []Logged
		seq := int64(1_795_000_000_000_000 + 1000*i)
		now := begin
		for n := 0; now.Before(begin.Add(14 * time.Hour)); n++ {
			l := Logged{Meta: m, Seq: seq, Time: now, Stream: codec.Stdout}
			l.Stream, l.Body = shopLine(r, m.ServiceName, n)
			seq += int64(len(PartsOf(codec.Entry{Line: []byte(l.Body)})))
			if l.Stream == codec.GapSource {
				g := codec.Gap{Entries: 17, FirstNano: now.UnixNano(), LastNano: now.UnixNano(), Reason: "spool quota"}
				l.Body = string(g.Line())
				seq += g.Entries - 1
			}
			lines = append(lines, l)
			// Now and then two lines have one time.
			if r.IntN(20) > 0 {
				now = now.Add(time.Duration(r.Int64N(int64(time.Minute))))
			}
		}
		all = append(all, lines)
	}
	return all
}

// shopLine is a service's n-th line.
func shopLine(r *rand.Rand, service string, n int) (stream, body string) {
	request := fmt.Sprintf("req-%06d", r.IntN(100))
	switch service {
	case "api":
		switch r.IntN(30) {
		case 0:
			return codec.Stderr, "panic: " + request
		case 1:
			return codec.Stdout, `{"path":"/cart","status":200,` // cut off by a crash
		}
		path := []string{"/", "/cart", "/pay", "/it\"s"}[r.IntN(4)]
		return codec.Stdout, fmt.Sprintf(`{"request":%q,"path":%q,"status":%d,"ms":%d}`, request, path, []int{200, 200, 404, 500}[r.IntN(4)], r.IntN(900))
	case "web":
		if r.IntN(25) == 0 {
			return codec.Stdout, "upstream ERROR for " + request
		}
		return codec.Stdout, "GET / " + request + " 200"
	case "worker":
		switch {
		case n == 500:
			return codec.GapSource, ""
		case r.IntN(15) == 0:
			return codec.Stderr, "job failed, it took long"
		}
		return codec.Stdout, fmt.Sprintf("job %d took %d.%d ms (%s)", n, r.IntN(5000), r.IntN(10), request)
	}
	if n == 700 {
		return codec.Stdout, strings.Repeat("größer ", 10_000)
	}
	return codec.Stdout, strings.Repeat("é", r.IntN(200))
}

// ArchiveShop puts the shop's chunks into a bucket and returns all lines.
func ArchiveShop(t testing.TB, b bucket.Bucket, f codec.Format) (all []Logged) {
	t.Helper()
	for _, lines := range shop() {
		var entries []codec.Entry
		for _, l := range lines {
			entries = append(entries, PartsOf(codec.Entry{Seq: l.Seq, TimeNano: l.Time.UnixNano(), Source: l.Stream, Line: []byte(l.Body)})...)
		}
		StoreHours(t, b, f, *lines[0].Meta, entries)
		all = append(all, lines...)
	}
	return all
}
