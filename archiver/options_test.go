package archiver // see rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
)

// defaultsRig has a bucket that is away, and defaults that are smaller than what
// the tests' containers are started with.
func defaultsRig(t *testing.T) (*rig, *awayBucket) {
	g := newRig(t)
	g.stop()
	away := &awayBucket{Bucket: g.bucket}
	away.set(&bucket.Error{Op: bucket.OpPut, Permanent: true, Err: errors.New("access denied")})
	g.bucket = away
	g.cfg.Defaults = DefaultOptions()
	g.cfg.Defaults.SpoolBytes, g.cfg.Defaults.RollBytes = 64<<10, 8<<10
	g.start()
	return g, away
}

// restart ends the archiver, or takes what a SIGKILL leaves: the files as they
// are. It returns once the next one has found everything and held it to its quota.
func (g *rig) restart(killed bool) {
	g.t.Helper()
	if killed {
		copied := filepath.Join(g.t.TempDir(), "state")
		err := os.CopyFS(copied, os.DirFS(g.cfg.StateDir))
		for errors.Is(err, fs.ErrNotExist) { // a segment got another name meanwhile
			check(g.t, os.RemoveAll(copied))
			err = os.CopyFS(copied, os.DirFS(g.cfg.StateDir))
		}
		check(g.t, err)
		g.stop()
		g.putBack(copied)
	} else {
		g.stop()
	}
	g.start()
	<-g.a.recovered
	for range 2 {
		for _, s := range g.a.all() {
			check(g.t, s.log.Commit())
			g.a.enforce(s)
		}
		g.a.enforceTotal()
	}
}

// putBack makes the stopped archiver's state what it was when it was copied. It
// keeps its mark, as it is no copy.
func (g *rig) putBack(copied string) {
	g.t.Helper()
	each := func(dir string, f func(name string) error) {
		des, err := os.ReadDir(dir)
		check(g.t, err)
		for _, de := range des {
			if name := de.Name(); name != "use.json" && !strings.HasPrefix(name, "mark-") {
				check(g.t, f(name))
			}
		}
	}
	each(g.cfg.StateDir, func(name string) error { return os.RemoveAll(filepath.Join(g.cfg.StateDir, name)) })
	each(copied, func(name string) error {
		return os.Rename(filepath.Join(copied, name), filepath.Join(g.cfg.StateDir, name))
	})
}

// TestOptionsOutliveTheContainer stops a container that has more to archive than
// the defaults allow, and restarts: its backlog is held to its own options.
func TestOptionsOutliveTheContainer(t *testing.T) {
	large := Options{Format: codec.NDJSON, RollBytes: 128 << 10, RollAge: 7 * time.Minute, CacheBytes: 3 << 20, SpoolBytes: 1 << 30, Overflow: DropOld}
	block, dropNew := large, large
	block.Overflow, dropNew.Overflow = Block, DropNew
	for _, killed := range []bool{false, true} {
		for name, tc := range map[string]struct {
			opts  Options
			total int64 // quota after the restart
		}{
			"drop-old with a larger quota": {large, 0},
			"drop-new with a larger quota": {dropNew, 0},
			"block beyond the total quota": {block, 256 << 10},
		} {
			t.Run(name+map[bool]string{true: ", killed"}[killed], func(t *testing.T) {
				t.Parallel()
				g, away := defaultsRig(t)
				d := newDaemon(t)
				src := source(d.path, idA)
				src.Options = tc.opts
				check(t, g.a.Attach(t.Context(), src))
				lines := numbers(30_000)
				d.print(lines...)
				check(t, g.a.Detach(t.Context(), d.path))
				for range 2 { // what the first restart leaves, the second finds
					g.cfg.SpoolBytes = tc.total
					g.restart(killed)
					s := g.a.all()[0]
					if s.inlet.options() != tc.opts || s.inlet.roll.Load() != tc.opts.rollBytes() {
						t.Fatalf("after the restart: %+v, before %+v", s.inlet.options(), tc.opts)
					}
					if st := g.a.Status(); st.Dropped != 0 {
						t.Fatalf("dropped %d entries", st.Dropped)
					}
				}
				g.comeBack(away)
				g.flush()
				g.want(idA, lines)
			})
		}
	}
}

// TestSmallQuotaOutlivesTheContainer: a quota below the defaults holds, too, and a
// log of nothing but gaps and one with all its segments archived know theirs.
func TestSmallQuotaOutlivesTheContainer(t *testing.T) {
	g, away := defaultsRig(t)
	g.stop()
	g.cfg.Defaults = DefaultOptions()
	g.start()
	d := newDaemon(t)
	src := source(d.path, idA)
	src.Options.SpoolBytes, src.Options.RollBytes = 256<<10, 16<<10
	check(t, g.a.Attach(t.Context(), src))
	d.print(numbers(10_000)...)
	check(t, g.a.Detach(t.Context(), d.path))
	g.restart(false)
	s := g.a.all()[0]
	if s.inlet.options() != src.Options || s.log.Info().PendingBytes > src.Options.SpoolBytes {
		t.Fatalf("%+v, %d bytes wait", s.inlet.options(), s.log.Info().PendingBytes)
	}
	for {
		if dropped, err := g.a.dropOldest(s, reasonDisk); err != nil || !dropped {
			check(t, err)
			break
		}
	}
	g.restart(true)
	if s = g.a.all()[0]; s.inlet.options() != src.Options || s.log.Info().PendingBytes > 0 {
		t.Fatalf("only gaps: %+v, %d bytes", s.inlet.options(), s.log.Info().PendingBytes)
	}
	g.comeBack(away)
	g.flush()
	g.restart(false)
	if s, err := g.a.stream(idA); err != nil || s.inlet.options() != src.Options {
		t.Fatalf("only archived ones: %+v, %v", s.inlet.options(), err)
	}
}

// TestNewestOptionsCount: a container that is started with other options has
// these from then on. The same ones make no new segment.
func TestNewestOptionsCount(t *testing.T) {
	g, _ := defaultsRig(t)
	src := source("", idA)
	src.Options.SpoolBytes = 1 << 30
	src.Meta.Labels, src.Meta.Attributes = map[string]string{"k": "\xff"}, map[string]string{}
	for i, want := range []int{1, 1, 2, 2} {
		d := newDaemon(t)
		src.Path = d.path
		if i == 2 {
			src.Options.SpoolBytes, src.Options.Overflow = 2<<30, Block
		}
		check(t, g.a.Attach(t.Context(), src))
		d.print("a line")
		check(t, g.a.Detach(t.Context(), d.path))
		g.restart(true)
		s := g.a.all()[0]
		if n := len(s.log.Snapshot().Segments); s.inlet.options() != src.Options || n != want {
			t.Fatalf("start %d: %+v, %d segments, want %+v, %d", i, s.inlet.options(), n, src.Options, want)
		}
	}
}

// TestDefaultsAreForLogsWithoutOptions: what a version left that did not keep
// options has those that are configured now, not the built-in ones.
func TestDefaultsAreForLogsWithoutOptions(t *testing.T) {
	for _, policy := range []Overflow{DropOld, Block} {
		g, away := defaultsRig(t)
		g.stop()
		l, _, err := spool.Open(spool.Config{
			Dir: statedir.Path(g.cfg.StateDir).Log(idA), ContainerID: idA, SpoolID: g.spoolID(), Logger: g.cfg.Logger, Now: time.Now,
		})
		check(t, err)
		src := source("", idA)
		l.Freeze(spool.Frozen{Format: src.Options.Format, Meta: src.Meta})
		d := newDaemon(t)
		lines := numbers(30_000)
		for part := range slices.Chunk(lines, 500) {
			d.print(part...)
			_, err := l.Fill(int(d.f.Fd()), "fifo")
			check(t, err)
			if l.Info().ActiveBytes > 64<<10 {
				l.Roll()
			}
		}
		check(t, l.Close())
		g.cfg.Defaults.SpoolBytes, g.cfg.Defaults.Overflow = 256<<10, policy
		g.start()
		g.restart(false)
		s := g.a.all()[0]
		if s.inlet.options() != g.cfg.Defaults {
			t.Fatalf("%+v, want %+v", s.inlet.options(), g.cfg.Defaults)
		}
		if n := s.log.Info().PendingBytes; policy == DropOld && n > 256<<10 || policy == Block && n < 1<<19 {
			t.Fatalf("%s: %d bytes wait", policy, n)
		}
		g.comeBack(away)
		g.flush()
		if policy == Block {
			g.want(idA, lines)
		} else {
			g.wantGaps(idA, lines)
		}
		g.stop()
	}
}

func (g *rig) spoolID() string {
	st, err := statedir.Open(g.cfg.StateDir, time.Now, g.cfg.Logger)
	check(g.t, err)
	check(g.t, st.Close())
	return st.SpoolID()
}

// TestUnknownOptionsDropNothing: options that a newer version kept.
func TestUnknownOptionsDropNothing(t *testing.T) {
	for _, f := range []spool.Frozen{
		{Format: "parquet", Limits: &spool.Limits{Overflow: "compress", SpoolBytes: 1, RollBytes: 1, RollAgeNano: 1}},
		{Format: "parquet", Limits: &spool.Limits{Overflow: string(DropOld)}},
		{Format: "orc"},
	} {
		o := DefaultOptions().restored(f)
		if err := o.Validate(); err != nil || o.Overflow != Block {
			t.Errorf("%+v became %+v, %v", f, o, err)
		}
	}
}
