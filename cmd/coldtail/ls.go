package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/stdin"
	"github.com/coldtail/coldtail/codec/key"
)

// lsConfig is what `coldtail ls` is told.
type lsConfig struct {
	config
	who
	since, until string
	by           string
	json         bool
	quiet        bool
	noTrunc      bool
}

// What `coldtail ls` makes a line of.
const (
	byContainer = "container"
	byService   = "service"
	byHost      = "host"
)

func (a *app) lsCommand() *cobra.Command {
	var c lsConfig
	cmd := &cobra.Command{
		Use:   "ls [flags]",
		Short: "List what is archived",
		Long: `List the containers, services or hosts whose logs are archived, with the time of
the first and the last entry, and how many entries, objects and bytes there are.
Objects' names tell all of it: none is opened.

An entry is what docker logs --tail counts; a line of more than 16 KiB is several.
With --since and --until, those objects count that have something of the time.`,
		Example: `  coldtail ls --service api --since 24h
  coldtail ls --by host
  coldtail ls -q --host node-7 | xargs coldtail logs --tail 10`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ls(cmd.Context(), &c) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.names, "name", nil, "containers with the `name|id`; may be repeated")
	f.StringArrayVar(&c.services, "service", nil, "containers of the service called `name`; may be repeated")
	f.StringArrayVar(&c.hosts, "host", nil, "containers of the host called `name`; may be repeated")
	f.StringVar(&c.since, "since", "", "objects with entries as late as a `time` (2006-01-02T15:04:05Z, Unix seconds, or 10m for ten minutes ago)")
	f.StringVar(&c.until, "until", "", "objects with entries as early as a `time`, given as with --since")
	f.StringVar(&c.by, "by", byContainer, "print a line for each `what`: container, service or host")
	f.BoolVar(&c.json, "json", false, "print each line as a JSON object")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "print containers' ids only")
	f.BoolVar(&c.noTrunc, "no-trunc", false, "print whole ids")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	c.addLogLevel(cmd, "warn")
	return cmd
}

// span returns the time range that is asked for; a zero end is none.
func (c *lsConfig) span(now time.Time) (since, until time.Time, err error) {
	if since, err = parseTime(c.since, now); err != nil {
		return since, until, usagef("--since %w", err)
	}
	if until, err = parseUntil(c.until, now); err != nil {
		return since, until, usagef("--until %w", err)
	}
	switch {
	case !slices.Contains([]string{byContainer, byService, byHost}, c.by):
		return since, until, usagef("--by %q: must be container, service or host", c.by)
	case c.quiet && (c.json || c.by != byContainer):
		return since, until, usagef("--quiet prints containers' ids only: leave out --json and --by")
	}
	if c.chosen() {
		err = c.check()
	}
	return since, until, err
}

func (a *app) ls(ctx context.Context, c *lsConfig) error {
	if err := c.resolve(a, a.toolState()); err != nil {
		return err
	}
	logger, err := c.logger(a, slog.LevelWarn)
	if err != nil {
		return &usageError{err}
	}
	since, until, err := c.span(time.Now())
	if err != nil {
		return err
	}
	b, err := a.openBucket(ctx, &c.config, nil, logger)
	if err != nil {
		return err
	}
	wait := a.newSpinner("listing, objects")
	defer wait.stop()
	search, b, stop := guard(ctx, b, wait)
	defer stop()
	c.recent = since
	s := &scan{since: since, until: until, shelves: shelves{}}
	s.bucket = s.newer.Watch(b, s.wants)
	rows, err := s.run(search, &c.who)
	wait.stop()
	switch {
	case ctx.Err() != nil:
		return stdin.ErrInterrupted
	case err != nil:
		return cause(search, err)
	}
	newer := s.newer.Err()
	if len(rows) == 0 && c.chosen() && newer == nil {
		return noLog(&c.who)
	}
	var listed []key.Name
	for _, r := range rows {
		listed = append(listed, r.Name)
	}
	tellGuesses(a.stderr, wait, c.names, listed)
	if err := c.print(a.stdout, rows); err != nil {
		return fmt.Errorf("print list: %w", err)
	}
	if newer != nil {
		return fmt.Errorf("the list is not complete: %w", newer)
	}
	return nil
}
