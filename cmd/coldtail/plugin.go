package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/plugin"
	"github.com/coldtail/coldtail/readback"
)

// defaultSocket is where the daemon looks for a plugin called coldtail, and
// where it expects a managed plugin's socket inside of it.
const defaultSocket = "/run/docker/plugins/coldtail.sock"

func (a *app) pluginCommand() *cobra.Command {
	var c config
	var socket string
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Serve the Docker daemon as its logging driver",
		Long: `Serve the Docker daemon as its logging driver, on a unix socket.

Every flag but --socket is also an environment variable, which is how a managed
plugin is configured (docker plugin set). --log-opt roll-size=1m, for example,
is COLDTAIL_OPT_ROLL_SIZE=1m. So is every parameter of the bucket's URL: region
is COLDTAIL_REGION.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.patient.Store(true)
			if err := c.resolve(a, pluginState); err != nil {
				return err
			}
			return a.servePlugin(cmd.Context(), &c, socket)
		},
	}
	cmd.Flags().StringVar(&socket, "socket", defaultSocket, "`path` of the socket to listen on")
	c.addBucket(cmd)
	c.addState(cmd, pluginState)
	c.addLogLevel(cmd, "info")
	c.addLogOpts(cmd)
	c.addSizes(cmd)
	return cmd
}

// servePlugin serves until ctx ends. Nothing but a socket that it cannot listen
// on makes it fail: a daemon whose default logging driver does not start refuses
// to start itself.
func (a *app) servePlugin(ctx context.Context, c *config, socket string) error {
	logger, levelErr := c.logger(a, slog.LevelInfo)
	if levelErr != nil {
		logger.Error("using the default log level", "err", levelErr)
	}
	defaults, err := c.optionDefaults(a)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		logger.Warn("the host has no name", "err", err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	driver := plugin.NewDriver(plugin.DriverConfig{Defaults: defaults, HostName: host, Logger: logger})
	handler, err := plugin.NewHandler(plugin.HandlerConfig{Driver: driver, Registry: reg, Logger: logger, Version: version})
	if err != nil {
		return err
	}
	l, err := plugin.Listen(socket)
	if err != nil {
		return err
	}
	logger.Info("listening", "socket", socket, "version", version)

	p := &pluginProcess{app: a, c: c, driver: driver, reg: reg, logger: logger, defaults: backlogOptions(defaults)}
	g, gctx := errgroup.WithContext(ctx)
	// The archiver outlives the requests, so that a FIFO that is being drained
	// is not closed before it is empty.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	g.Go(func() error {
		defer stopWork()
		return handler.Serve(gctx, l)
	})
	g.Go(func() error { return p.run(work) })
	err = g.Wait()
	driver.Wait()
	logger.Info("ended")
	return err
}

// pluginProcess is the part of a plugin behind its socket.
type pluginProcess struct {
	app    *app
	c      *config
	driver *plugin.Driver
	reg    *prometheus.Registry
	logger *slog.Logger
	// defaults are for logs that were left without their options.
	defaults archiver.Options
}

// backlogOptions are the options of what an earlier version left without any.
// Where the settings are wrong no container starts, and nothing that is spooled
// is dropped for it.
func backlogOptions(defaults map[string]string) archiver.Options {
	opts, err := plugin.ParseOptions(nil, defaults)
	if err != nil {
		o := archiver.DefaultOptions()
		o.Overflow = archiver.Block
		return o
	}
	return opts.Stream
}

// run opens the state, attaches what was attached, and archives until ctx ends.
func (p *pluginProcess) run(ctx context.Context) error {
	b, problem := p.openBucket(ctx)
	spoolBytes, cacheBytes, err := p.c.sizes(p.app)
	if err != nil {
		p.logger.Error("using the default size", "err", err)
		problem = errors.Join(problem, fmt.Errorf("plugin setting %w", err))
	}
	var a *archiver.Archiver
	var registry *plugin.Registry
	open := func() (err error) {
		if a == nil {
			a, err = archiver.New(archiver.Config{
				StateDir: p.c.state, Logger: p.logger, Registerer: p.reg, OnEnd: p.driver.FIFOEnded,
				SpoolBytes: spoolBytes, CacheBytes: cacheBytes, Defaults: p.defaults,
			}, b)
		}
		if err == nil {
			registry, err = plugin.OpenRegistry(statedir.Path(p.c.state).Registry(), a.BootID(), p.logger)
		}
		return err
	}
	if !p.insist(ctx, open) {
		if a == nil {
			return nil
		}
		return a.Close()
	}
	reader := readback.New(readback.Config{Bucket: b, Local: a.Snapshot, LocalSince: a.Created()})
	// Before Run, which gives up a frame that no attached FIFO goes on with.
	p.driver.Open(ctx, plugin.Parts{Archiver: a, Reader: reader, Registry: registry, Problem: problem})
	if err := a.Run(ctx); err != nil || ctx.Err() == nil {
		return fmt.Errorf("archive: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// openBucket opens the archive, or what stands in for one that is configured
// wrongly.
func (p *pluginProcess) openBucket(ctx context.Context) (b bucket.Bucket, problem error) {
	if folder, ok := p.c.bucketURL(); ok {
		p.logger.Warn("no bucket is configured: archiving to a bounded folder in the state directory, which is for trying out only; set "+plugin.EnvBucket, "folder", folder)
	}
	b, err := p.app.openBucket(ctx, p.c, p.reg, p.logger)
	if err != nil {
		problem = fmt.Errorf("plugin setting %s: %w", plugin.EnvBucket, err)
		p.logger.Error("the bucket cannot be opened; containers are not started until it can", "err", problem)
		b = brokenBucket{err}
	}
	return b, problem
}

// insist calls open until it succeeds or ctx ends, and reports whether it did: a
// disk may be mounted late, and an earlier process may still hold the state.
func (p *pluginProcess) insist(ctx context.Context, open func() error) bool {
	said := ""
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := open()
		if err != nil {
			p.driver.Unready(err)
			if err.Error() != said {
				said = err.Error()
				p.logger.Error("cannot open the state directory; trying on", "err", err)
			}
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 100 * time.Millisecond, Multiplier: 2, MaxInterval: 5 * time.Second,
	}))
	return err == nil
}
