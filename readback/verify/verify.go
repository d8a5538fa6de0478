package verify

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/catalog"
)

// defaultWorkers is how many objects are read at a time; decoding takes as long
// as a near bucket.
const defaultWorkers = 4

// Config says what to verify, and whom to tell. The zero value verifies all.
type Config struct {
	// Containers narrows the run to these ids, as chunk.ContainerID gives them.
	// Their objects are found by the index markers, as readers find them; other
	// names in the bucket are not looked at.
	Containers []string
	// Expired tells that the bucket removes objects by age or size, so that a
	// history without its beginning is in order.
	Expired bool
	// Workers is how many objects are read at a time; default 4.
	Workers int
	// Found is called with each finding as it is made, never twice at a time.
	Found func(Finding)
	// Progress is called with what has been read and what there is to read.
	Progress func(done, total Amount)
}

// Amount is a number of objects and their size.
type Amount struct{ Objects, SizeBytes int64 }

// run is one walk through an archive.
type run struct {
	cfg       Config
	bucket    bucket.Bucket
	sum       Summary
	total     Amount
	markers   *markerSet
	histories map[spoolKey]*history
	memory    *codec.Memory // what decoders take beyond inflatedBytes each
	newer     catalog.Newer // of the containers that were looked for by the index
}

// Run verifies the archive in b, which should repeat what fails (bucket.Retry).
// An error says that the run could not be made to its end; findings are none.
func Run(ctx context.Context, b bucket.Bucket, cfg Config) (Summary, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = defaultWorkers
	}
	if cfg.Found == nil {
		cfg.Found = func(Finding) {}
	}
	if cfg.Progress == nil {
		cfg.Progress = func(_, _ Amount) {}
	}
	v := &run{cfg: cfg, bucket: b, markers: newMarkerSet(), histories: map[spoolKey]*history{}, memory: codec.NewMemory(sharedInflated)}
	if len(cfg.Containers) > 0 {
		v.bucket = v.newer.Watch(b, func(id string) bool { return slices.Contains(cfg.Containers, id) })
	}
	for _, step := range []func(context.Context) error{v.survey, v.watchNewer, v.readAll, v.unindexed, v.conclude} {
		if err := step(ctx); err != nil {
			return v.sum, err
		}
	}
	return v.sum, nil
}

func (v *run) found(f Finding) {
	if f.Kind.Note() {
		v.sum.Notes++
	} else {
		v.sum.Findings++
	}
	v.cfg.Found(f)
}

// chunks lists the chunks to verify. The same key comes once.
func (v *run) chunks(ctx context.Context) iter.Seq2[catalog.Chunk, error] {
	return func(yield func(catalog.Chunk, error) bool) {
		for _, id := range v.cfg.Containers {
			chunks, err := catalog.List(ctx, v.bucket, id)
			if err != nil {
				yield(catalog.Chunk{}, fmt.Errorf("list container %.12s: %w", id, err))
				return
			}
			for _, c := range chunks {
				if !yield(c, nil) {
					return
				}
			}
		}
		if len(v.cfg.Containers) > 0 {
			return
		}
		for _, f := range codec.Formats() {
			for o, err := range v.bucket.List(ctx, string(f)+"/", bucket.ListOptions{}) {
				if err != nil {
					yield(catalog.Chunk{}, fmt.Errorf("list the archive: %w", err))
					return
				}
				m, err := key.Parse(o.Key)
				if err == nil && !yield(catalog.Chunk{Meta: m, SizeBytes: o.SizeBytes, ETag: o.ETag}, nil) {
					return
				}
			}
		}
	}
}

// job is an object on its way through a worker.
type job struct {
	chunk catalog.Chunk
	done  chan *read
}

// readAll reads all objects, several at a time, and takes them in the order of
// the listing, so that two runs say the same.
func (v *run) readAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan job)
	order := make(chan job, 2*v.cfg.Workers)
	g.Go(func() error {
		defer close(jobs)
		defer close(order)
		for c, err := range v.chunks(ctx) {
			if err != nil {
				return err
			}
			j := job{c, make(chan *read, 1)}
			for _, to := range []chan<- job{order, jobs} {
				select {
				case to <- j:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
		}
		return nil
	})
	for range v.cfg.Workers {
		g.Go(func() error {
			for j := range jobs {
				r, err := readObject(ctx, v.bucket, j.chunk, v.memory)
				if err != nil {
					return err
				}
				j.done <- r
			}
			return nil
		})
	}
	var done Amount
	g.Go(func() error {
		for j := range order {
			select {
			case r := <-j.done:
				v.take(r)
				if v.markers.full() {
					if err := v.unindexed(ctx); err != nil {
						return err
					}
				}
				done.Objects++
				done.SizeBytes += j.chunk.SizeBytes
				v.cfg.Progress(done, v.total)
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	ids := map[string]struct{}{}
	for k := range v.histories {
		ids[k.containerID] = struct{}{}
	}
	v.sum.Containers = len(ids)
	return nil
}

// take keeps what is to be kept of an object.
func (v *run) take(r *read) {
	if r.gone {
		return
	}
	k := spoolKey{r.chunk.ContainerID, r.chunk.SpoolID}
	h := v.histories[k]
	if h == nil {
		h = &history{}
		// The key's own bytes: else all of an object's key would stay.
		v.histories[spoolKey{strings.Clone(k.containerID), strings.Clone(k.spoolID)}] = h
	}
	h.add(r)
	v.markers.want(r.chunk.Meta)
	v.sum.Objects++
	v.sum.SizeBytes += r.chunk.SizeBytes
	v.sum.Entries += r.stats.Entries
	v.sum.GapRows += int64(len(r.gaps))
	for _, g := range r.gaps {
		v.sum.Dropped += g.entries
	}
	for _, f := range r.findings {
		v.found(f)
	}
}
