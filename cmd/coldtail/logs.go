package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/stdin"
	"github.com/coldtail/coldtail/readback"
)

// logsConfig is what `coldtail logs` is told.
type logsConfig struct {
	config
	who
	since, until       string
	tail               string
	follow             bool
	interval           time.Duration
	timestamps         bool
	noPrefix, noColor  bool
	json               bool
	grep               string
	ignoreCase, invert bool
}

// Bounds of --interval. Objects come every ten minutes or so, and every look is
// a few paid requests.
const (
	defaultInterval = 5 * time.Second
	minInterval     = time.Second
)

func (a *app) logsCommand() *cobra.Command {
	var c logsConfig
	cmd := &cobra.Command{
		Use:   "logs [flags] [NAME|ID...]",
		Short: "Print containers' logs from the archive",
		Long: `Print containers' logs from the archive alone, without a daemon. The containers
may have been removed, and their hosts be gone.

A name stands for all containers that bore it, in the order of time; an id may be
cut short. One NAME or ID is one log, printed as docker logs does: what the
container wrote to stderr goes to stderr, and the bytes are the container's.
Several, or what --service and --host choose, are merged by time, each line behind
its container's name, as docker compose logs prints them. With --service or
--host, a name stands only for containers of these.

What is archived is shown: the latest lines may still be in their host's spool.
The exit status is 1 if nothing is found, or something could not be read.`,
		Example: `  coldtail logs --since 2h --tail 100 web
  coldtail logs --service api --service db --since 2026-11-20 --grep 'error|panic' -i
  coldtail logs -f --host node-7`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.names = args
			return a.logs(cmd.Context(), &c)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.services, "service", nil, "containers of the service called `name`; may be repeated")
	f.StringArrayVar(&c.hosts, "host", nil, "containers of the host called `name`; may be repeated")
	f.StringVar(&c.since, "since", "", "leave out what is older than a `time` (2006-01-02T15:04:05Z, Unix seconds, or 10m for ten minutes ago)")
	f.StringVar(&c.until, "until", "", "end at a `time`, given as with --since")
	f.StringVarP(&c.tail, "tail", "n", "all", "print the last `number` of entries only: of one log, or of each of several containers")
	f.BoolVarP(&c.follow, "follow", "f", false, "go on with what is archived later")
	f.DurationVar(&c.interval, "interval", defaultInterval, "with --follow, look for new objects this often, and less often while there are none")
	f.BoolVarP(&c.timestamps, "timestamps", "t", false, "print each line's time")
	f.StringVar(&c.grep, "grep", "", "print only the lines that match a regular expression, `RE2`; --tail counts the others too")
	f.BoolVarP(&c.ignoreCase, "ignore-case", "i", false, "match --grep in upper and lower case")
	f.BoolVarP(&c.invert, "invert-match", "v", false, "print only the lines that do not match --grep")
	f.BoolVar(&c.json, "json", false, "print each line as a JSON object, its members called as the archive's columns")
	f.BoolVar(&c.noPrefix, "no-log-prefix", false, "print no names before the lines of several containers")
	f.BoolVar(&c.noColor, "no-color", false, "print names without colours ($NO_COLOR; only a terminal gets them)")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	c.addLogLevel(cmd, "warn")
	return cmd
}

func (c *logsConfig) query(now time.Time) (q readback.Query, err error) {
	if q.Since, err = parseTime(c.since, now); err != nil {
		return q, usagef("--since %w", err)
	}
	if q.Until, err = parseUntil(c.until, now); err != nil {
		return q, usagef("--until %w", err)
	}
	if q.Tail, err = parseTail(c.tail); err != nil {
		return q, usagef("--tail %w", err)
	}
	return q, c.check()
}

// check finds flags that do not fit each other.
func (c *logsConfig) check() error {
	switch {
	case c.json && c.timestamps:
		return usagef("--json has the time already: leave out --timestamps")
	case c.grep == "" && (c.ignoreCase || c.invert):
		return usagef("--ignore-case and --invert-match need --grep")
	case c.interval < minInterval:
		return usagef("--interval %s: must be at least %s", c.interval, minInterval)
	}
	return c.who.check()
}

func parseTail(s string) (int64, error) {
	if s == "all" {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: must be a number or all", s)
	}
	return n, nil
}

func (a *app) logs(ctx context.Context, c *logsConfig) error {
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
	wait := a.newSpinner("looking for containers, objects")
	defer wait.stop()
	out, err := a.newLogOutput(c, c.oneLog(), wait)
	if err != nil {
		return err
	}
	b, err := a.openBucket(ctx, &c.config, nil, logger)
	if err != nil {
		return err
	}
	r := &logsRun{
		who: &c.who, query: q, json: c.json, out: out, stderr: a.stderr, line: a.line,
		reader: readback.New(readback.Config{Bucket: b}),
		wait:   wait,
	}
	r.bucket = r.newer.Watch(b, r.wants)
	r.retrying = r.newer.Watch(retrying(b, logger), r.wants)
	c.recent = q.Since
	var f *follower
	if c.follow {
		f = newFollower(r, time.Now)
	}
	err = r.print(ctx)
	if err == nil && f != nil {
		err = f.follow(ctx, c.interval)
	}
	if ferr := errors.Join(out.finish(nil), out.flush()); err == nil {
		err = ferr
	}
	switch {
	case ctx.Err() != nil && c.follow:
		err = nil // how a follower ends
	case ctx.Err() != nil:
		return stdin.ErrInterrupted
	}
	if err == nil {
		err = r.lost()
	}
	return err
}
