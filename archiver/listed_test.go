package archiver // see rig

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec/key"
)

// TestListedAsFinished: a container that is listed as finished and has something that
// waits, as a version without a list has used the state in between, is archived by a
// flush, and by the janitor.
func TestListedAsFinished(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short: it makes 100,000 containers")
	}
	for name, find := range map[string]func(*rig){
		"flush":   func(g *rig) { g.flush() },
		"janitor": func(g *rig) { (&janitor{a: g.a}).forgetFinished() },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			const id = "a1"
			key := key.ContainerID(id)
			run := func(line string) {
				t.Helper()
				d := newDaemon(t)
				check(t, g.a.Attach(t.Context(), source(d.path, id)))
				d.print(line)
				check(t, g.a.Detach(t.Context(), d.path))
			}
			run("archived")
			g.flush()
			g.stop()
			g.start() // lists it
			<-g.a.recovered
			if !g.a.finished.Has(key) {
				t.Fatal("it is not finished")
			}
			list, err := os.ReadFile(statedir.Path(g.cfg.StateDir).Finished())
			check(t, err)
			away := &awayBucket{Bucket: g.bucket}
			away.set(errors.New("connection refused"))
			store := g.bucket
			g.stop()
			g.bucket = away
			g.start()
			run("by the earlier version")
			g.stop()
			check(t, os.WriteFile(statedir.Path(g.cfg.StateDir).Finished(), list, 0o600))
			g.bucket = store
			g.start()
			<-g.a.recovered
			find(g)
			if g.a.finished.Has(key) {
				t.Error("it is finished still")
			}
			for deadline := time.Now().Add(30 * time.Second); len(g.archived(key)) < 2 && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond)
			}
			g.want(key, []string{"archived", "by the earlier version"})
		})
	}
}

// TestFinishedListForgets: containers whose directories are gone leave the list.
func TestFinishedListForgets(t *testing.T) {
	g := newRig(t)
	g.stop()
	const n = 20
	deadContainers(t, g.cfg.StateDir, n)
	g.start()
	<-g.a.recovered
	gone := fmt.Sprintf("%064x", 3)
	check(t, os.RemoveAll(statedir.Path(g.cfg.StateDir).Log(gone)))
	for range 2 {
		(&janitor{a: g.a}).forgetFinished()
		got := 0
		for i := range n {
			if g.a.finished.Has(fmt.Sprintf("%064x", i)) {
				got++
			}
		}
		if got != n-1 || g.a.finished.Has(gone) {
			t.Errorf("%d containers are listed, want %d", got, n-1)
		}
		g.stop()
		g.start()
		<-g.a.recovered
	}
}
