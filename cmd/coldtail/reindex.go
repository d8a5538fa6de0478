package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/stdin"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback"
	"github.com/coldtail/coldtail/readback/catalog"
	"github.com/coldtail/coldtail/readback/reindex"
)

// reindexConfig is what `coldtail reindex` is told.
type reindexConfig struct {
	config
	dryRun bool
}

func (a *app) reindexCommand() *cobra.Command {
	var c reindexConfig
	cmd := &cobra.Command{
		Use:   "reindex [flags]",
		Short: "Make the index markers that an archive lacks",
		Long: `Make the empty objects by which containers are found, where an archive lacks them:
those by name and by host, which older versions did not give, and any that were
lost. Run it once after the last host was upgraded: it makes coldtail logs NAME
fast in an archive of many containers.

Nothing is removed or replaced. It may be stopped, and run again, at any time, also
while hosts archive. It lists the whole archive, asks for each container's days, and
reads an object of each container whose name is lost, so it needs leave to list, to
read and to put objects.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reindex(cmd.Context(), &c) },
	}
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "say what is missing, and make nothing")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	c.addLogLevel(cmd, "warn")
	return cmd
}

func (a *app) reindex(ctx context.Context, c *reindexConfig) error {
	if err := c.resolve(a, a.toolState()); err != nil {
		return err
	}
	logger, err := c.logger(a, slog.LevelWarn)
	if err != nil {
		return &usageError{err}
	}
	b, err := a.openBucket(ctx, &c.config, nil, logger)
	if err != nil {
		return err
	}
	wait := a.newSpinner("looking through the archive, keys")
	defer wait.stop()
	var newer catalog.Newer
	watched := newer.Watch(retrying(b, logger), nil)
	sum, err := reindex.Run(ctx, watched, reindex.Config{
		DryRun:   c.dryRun,
		Describe: describer(readback.New(readback.Config{Bucket: b})),
		Progress: func(int64) { wait.add(1) },
	})
	wait.stop()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: what was made stays; run it again to make the rest", stdin.ErrInterrupted)
	case err != nil:
		return fmt.Errorf("reindex the archive: %w", err)
	}
	return errors.Join(a.reindexed(c, sum), newer.Err())
}

func (a *app) reindexed(c *reindexConfig, sum reindex.Summary) error {
	verb := "made"
	if c.dryRun {
		verb = "missing"
	}
	if _, err := fmt.Fprintf(a.stdout, "%d objects: %s %d markers of days, %d of names, %d by name and by host\n", sum.Objects, verb, sum.Days, sum.Names, sum.Seen); err != nil {
		return err
	}
	if sum.Unnamed > 0 {
		return fmt.Errorf("%d objects of containers whose name is lost could not be read: coldtail verify says why", sum.Unnamed)
	}
	return nil
}

var errNoEntries = errors.New("the object has no entries")

// describer returns what reads from an object who its container was.
func describer(r *readback.Reader) func(context.Context, catalog.Chunk) (key.Name, error) {
	return func(ctx context.Context, c catalog.Chunk) (n key.Name, err error) {
		err = errNoEntries
		q := readback.Query{ContainerID: c.ContainerID, Lazy: true, Described: func(m codec.Meta) {
			n, err = key.Name{Service: m.ServiceName, Name: m.ContainerName, Host: m.HostName}, nil
		}}
		for e, rerr := range r.Objects(ctx, q, []catalog.Chunk{c}) {
			if missing := (*readback.MissingError)(nil); errors.As(rerr, &missing) {
				return n, missing.Err
			}
			if rerr != nil {
				return n, rerr
			}
			if e.Seq != 0 {
				break
			}
		}
		return n, err
	}
}
