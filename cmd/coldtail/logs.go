package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/chunk"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback"
)

// logsConfig is what `coldtail logs` is told.
type logsConfig struct {
	config
	since, until string
	tail         string
	follow       bool
	timestamps   bool
}

// pollInterval is how often a follower looks for new objects. They come every
// ten minutes or so, and every look is a few paid requests.
const pollInterval = 5 * time.Second

func (a *app) logsCommand() *cobra.Command {
	var c logsConfig
	cmd := &cobra.Command{
		Use:   "logs [flags] NAME|ID",
		Short: "Print a container's log from the archive",
		Long: `Print a container's log from the archive alone, without a daemon. The container
may have been removed, and its host be gone. A name stands for all containers
that bore it, one after the other; an id may be cut short.

As docker logs does, it prints what the container wrote to stderr to stderr. It
shows what is archived: the latest lines may still be in their host's spool.`,
		Args: exactArgs("NAME or ID"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.logs(cmd.Context(), &c, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.since, "since", "", "leave out what is older than a `time` (2006-01-02T15:04:05Z, Unix seconds, or 10m for ten minutes ago)")
	f.StringVar(&c.until, "until", "", "end at a `time`, given as with --since")
	f.StringVarP(&c.tail, "tail", "n", "all", "print the last `number` of entries only")
	f.BoolVarP(&c.follow, "follow", "f", false, "go on with what is archived later")
	f.BoolVarP(&c.timestamps, "timestamps", "t", false, "print each line's time")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	c.addLogLevel(cmd, "warn")
	return cmd
}

func (c *logsConfig) query(now time.Time) (q readback.Query, err error) {
	if q.Since, err = parseTime(c.since, now); err != nil {
		return q, usagef("--since %w", err)
	}
	if q.Until, err = parseTime(c.until, now); err != nil {
		return q, usagef("--until %w", err)
	}
	if q.Tail, err = parseTail(c.tail); err != nil {
		return q, usagef("--tail %w", err)
	}
	return q, nil
}

func (a *app) logs(ctx context.Context, c *logsConfig, who string) error {
	if err := c.resolve(a, a.toolState()); err != nil {
		return err
	}
	logger, err := c.logger(a, slog.LevelWarn)
	if err != nil {
		return &usageError{err}
	}
	q, err := c.query(time.Now())
	if err != nil {
		return err
	}
	b, err := a.openBucket(ctx, &c.config, nil, logger)
	if err != nil {
		return err
	}
	p := &logPrinter{
		reader: readback.New(readback.Config{Bucket: b}),
		bucket: retrying(b, logger),
		out:    newLineWriter(a.stdout, a.stderr, c.timestamps),
		seen:   map[string]int64{},
	}
	err = p.print(ctx, who, q)
	for err == nil && c.follow && (q.Until.IsZero() || time.Now().Before(q.Until)) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollInterval):
		}
		err = p.printNew(ctx, who, q)
	}
	if ctx.Err() != nil && c.follow {
		err = nil // how a follower ends
	}
	return errors.Join(err, p.damage)
}

// logPrinter prints containers' logs from a bucket.
type logPrinter struct {
	reader *readback.Reader
	bucket bucket.Bucket
	out    *lineWriter
	seen   map[string]int64 // the last number that was printed, by container
	damage error            // what could not be read, though the rest could
}

// print prints what there is.
func (p *logPrinter) print(ctx context.Context, who string, q readback.Query) error {
	found, err := p.find(ctx, who)
	if err != nil {
		return err
	}
	for _, f := range tails(found, q.Tail) {
		q.ContainerID, q.Tail = f.id, f.tail
		if err := p.entries(ctx, q, 0); err != nil {
			return err
		}
		p.seen[f.id] = max(p.seen[f.id], f.lastSeq())
	}
	return nil
}

// printNew prints what was archived since.
func (p *logPrinter) printNew(ctx context.Context, who string, q readback.Query) error {
	found, err := p.find(ctx, who)
	if err != nil {
		return err
	}
	for _, f := range found {
		seen := p.seen[f.id]
		q.ContainerID, q.Tail = f.id, f.after(seen)
		if q.Tail == 0 {
			continue
		}
		if err := p.entries(ctx, q, seen); err != nil {
			return err
		}
		p.seen[f.id] = max(p.seen[f.id], f.lastSeq())
	}
	return nil
}

// entries prints the entries of a query that come after a number.
func (p *logPrinter) entries(ctx context.Context, q readback.Query, after int64) error {
	for e, err := range p.reader.Entries(ctx, q) {
		if corrupt := (*codec.CorruptError)(nil); errors.As(err, &corrupt) {
			p.damage = errors.Join(p.damage, err)
			continue
		}
		if err != nil {
			return errors.Join(err, p.out.flush())
		}
		if e.Seq <= after {
			continue
		}
		p.seen[q.ContainerID] = max(p.seen[q.ContainerID], e.Seq)
		if err := p.out.print(&e); err != nil {
			return err
		}
	}
	return p.out.flush()
}

// find returns the containers that who stands for, with what is archived of
// them, the oldest first.
func (p *logPrinter) find(ctx context.Context, who string) ([]found, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, findTimeout, fmt.Errorf("the bucket did not answer within %s", findTimeout))
	defer cancel()
	ids, err := containers(ctx, p.bucket, who)
	if err != nil {
		return nil, err
	}
	var out []found
	for _, id := range ids {
		chunks, err := chunk.List(ctx, p.bucket, id)
		if err != nil {
			return nil, fmt.Errorf("find the log of container %.12s: %w", id, err)
		}
		if len(chunks) > 0 {
			out = append(out, found{id: id, chunks: chunks})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the archive has no log of a container %q", who)
	}
	sortFound(out)
	return out, nil
}
