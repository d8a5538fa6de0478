package faults

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7" //nolint:depguard // looks behind coldtail's back

	"github.com/coldtail/coldtail/test/parts"
)

// What the plugin logs when uploads begin to fail, and when they work again.
const (
	saysFailing = "cannot upload"
	saysWorking = "uploads work again"
)

// fault is something that is wrong with the way to the bucket, or with the
// bucket, for a while.
type fault struct {
	name       string
	gateway    bool // needs one
	noBucket   bool // the bucket is made only by end
	begin, end func(w *world)
	says       string // is in /status' last error meanwhile; empty: uploads go on
	hint       string // is in the log, beside the error
	permanent  bool
	// meanwhile, if set, checks that the fault is what its name says.
	meanwhile func(w *world, p *process)
}

// world is one fault's: a way to the store, and a bucket there.
type world struct {
	*link
	server *parts.MinIO
	name   string // the bucket's
}

// answers is a fault in which the store, or what is in front of it, says a.
func answers(name string, a answer, says, hint string, permanent bool) fault {
	return fault{
		name: name, gateway: true, says: says, hint: hint, permanent: permanent,
		begin: func(w *world) { w.gate.answer.Store(&a) },
		end:   func(w *world) { w.gate.answer.Store(nil) },
	}
}

// toxic is a fault that Toxiproxy makes.
func toxic(name, says, format string) fault {
	return fault{name: name, says: says, begin: func(w *world) { w.toxic("%s", format) }, end: func(w *world) { w.clear() }}
}

func (f fault) and(meanwhile func(w *world, p *process)) fault {
	f.meanwhile = meanwhile
	return f
}

// stored counts the chunks in the bucket, past the fault.
func (w *world) stored() (n int) {
	w.t.Helper()
	for o := range w.server.Client().ListObjectsIter(context.Background(), w.name, minio.ListObjectsOptions{Prefix: "logs/parquet/", Recursive: true}) {
		check(w.t, o.Err)
		n++
	}
	return n
}

// storedUnknown: there are objects of which the plugin got no acknowledgement.
func storedUnknown(w *world, p *process) {
	p.waitFor("an unacknowledged object", func() bool { return float64(w.stored()) > p.counter("coldtail_uploads_total") })
}

// noneStored: half an object is none.
func noneStored(w *world, p *process) {
	if n := w.stored(); float64(n) != p.counter("coldtail_uploads_total") {
		w.t.Errorf("%d objects are stored", n)
	}
}

func faults() []fault {
	return []fault{
		{name: "away", says: "connection refused", begin: func(w *world) { w.down() }, end: func(w *world) { w.up() }},
		toxic("latency", "", `{"type":"latency","stream":"downstream","attributes":{"latency":300,"jitter":100}}`),
		toxic("bandwidth", "", `{"type":"bandwidth","stream":"upstream","attributes":{"rate":100}}`),
		toxic("reset in the body", "put ", `{"type":"limit_data","stream":"upstream","attributes":{"bytes":9000}}`).and(noneStored),
		toxic("response lost", "put ", `{"type":"limit_data","stream":"downstream","attributes":{"bytes":1}}`).and(storedUnknown),
		answers("500", answer{status: 500, code: "InternalError", share: 1}, "InternalError", "", false),
		answers("502 of a proxy", answer{status: 502, share: 1}, "502", "", false),
		answers("SlowDown", answer{status: 503, code: "SlowDown", share: 1}, "SlowDown", "", false),
		answers("SlowDown now and then", answer{status: 503, code: "SlowDown", share: 3}, "", "", false),
		answers("429", answer{status: 429, share: 1}, "429", "", false),
		answers("credentials expired", answer{status: 400, code: "ExpiredToken", share: 1}, "ExpiredToken", "waiting for the credentials to be renewed", false),
		answers("clock skew", answer{status: 403, code: "RequestTimeTooSkewed", share: 1}, "RequestTimeTooSkewed", "set this host's clock", false),
		answers("access denied", answer{status: 403, code: "AccessDenied", share: 1}, "AccessDenied", "the credentials lack a permission", true),
		{
			name: "missing bucket", says: "NoSuchBucket", hint: "create the bucket", permanent: true, noBucket: true,
			begin: func(*world) {},
			end:   func(w *world) { w.server.CreateBucket(w.t, w.name) },
		},
	}
}

// TestFaults: whatever the bucket does, containers start, run, stop and restart
// unhindered, `docker logs` answers, and once it is over everything arrives, by
// itself and exactly once.
func TestFaults(t *testing.T) {
	server := parts.StartMinIO(t)
	goodKeys().setenv(t)
	var buckets atomic.Int64
	for _, f := range faults() {
		for _, k := range kinds() {
			t.Run(f.name+"/"+k.name, func(t *testing.T) {
				t.Parallel()
				w := &world{link: newLink(t, server.Endpoint, f.gateway), server: server, name: bucketName(&buckets)}
				if !f.noBucket {
					server.CreateBucket(t, w.name)
				}
				survive(t, f, k, w)
			})
		}
	}
}

func bucketName(n *atomic.Int64) string {
	return fmt.Sprintf("faults-%d", n.Add(1))
}

func survive(t *testing.T, f fault, k kind, w *world) {
	b := goodKeys().open(t, k.url(w.proxy.Listen, w.name, parts.MinIORegion))
	j := newJournal(t)
	p := startProcess(t, t.TempDir(), b, j)
	running, restarted, during, short := newContainer(t, 0), newContainer(t, 1), newContainer(t, 2), newContainer(t, 3)
	running.start(p)
	restarted.start(p)
	running.print(1500)
	restarted.print(100)
	if !f.noBucket {
		p.flush("")
	}

	f.begin(w)
	running.print(2000)
	during.start(p)
	during.print(1500)
	short.start(p)
	short.print(300)
	short.stop(p)
	for range 3 {
		restarted.stop(p)
		restarted.start(p)
		restarted.print(400)
	}
	for _, c := range []*container{running, restarted, during, short} {
		p.waitFor("the fifo to be read", func() bool { return len(p.logs(c)) >= c.written })
		c.judge("docker logs", p.logs(c))
	}
	if f.says != "" {
		p.waitFor("uploads to fail", func() bool { return p.status().LastError != "" })
		p.skip(parkTime) // it lasts
		p.waitFor("that to be reported", func() bool { return len(j.said(saysFailing)) > 0 })
		p.waitFor("uploads to fail again and again", func() bool {
			return p.counter("coldtail_upload_errors_total") >= 3 && strings.Contains(p.status().LastError, f.says)
		})
	} else {
		p.waitFor("uploads to go on", func() bool { return p.counter("coldtail_entries_archived_total") >= 3000 })
	}
	if f.meanwhile != nil {
		f.meanwhile(w, p)
	}
	running.print(500)
	f.end(w)

	p.waitFor("uploads to work by themselves", func() bool {
		if f.permanent {
			p.skip(time.Second) // they rest meanwhile
		}
		st := p.status()
		return st.LastError == "" && len(j.said(saysFailing)) == len(j.said(saysWorking)) && p.counter("coldtail_entries_archived_total") >= 4000
	})
	running.print(100)
	for _, c := range []*container{running, restarted, during} {
		c.stop(p)
	}
	p.flushStopped("?evict=true")
	judgeArchive(t, b, running, restarted, during, short)
	for _, c := range []*container{running, restarted, during, short} {
		c.judge("docker logs from the bucket", p.logs(c))
	}
	judgeJournal(t, f, j)
	p.logTimes()
	t.Logf("%v failed attempts", p.counter("coldtail_upload_errors_total"))
	p.end()
}

// judgeJournal counts what an operator reads.
func judgeJournal(t *testing.T, f fault, j *journal) {
	t.Helper()
	failing, working := j.said(saysFailing), j.said(saysWorking)
	switch {
	case f.says == "" && len(failing) > 0:
		t.Errorf("logged %q, and nothing was wrong for long", failing)
	case f.says == "":
	case len(failing) == 0, len(working) == 0:
		t.Errorf("logged %q and %q, want one of each", failing, working)
	case len(failing) > 1, len(working) > 1:
		t.Errorf("logged the change %d times: %q", len(failing), failing)
	case !strings.Contains(failing[0], f.hint):
		t.Errorf("logged %q, want the hint %q", failing[0], f.hint)
	}
	if other := j.errors(); len(other) > 1 {
		t.Errorf("other errors were logged: %q", other)
	}
	for _, secret := range []string{parts.MinIOSecretKey, "Signature="} {
		if strings.Contains(strings.Join(failing, " "), secret) {
			t.Errorf("logged a secret: %q", failing)
		}
	}
}
