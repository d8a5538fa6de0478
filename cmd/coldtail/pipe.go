package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/cmd/coldtail/stdin"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/plugin"
)

// pipeConfig is what `coldtail pipe` is told.
type pipeConfig struct {
	config
	name, service, host string
	labels              []string
	format, rollSize    string
	patience            time.Duration // for the uploads at the end
}

func (a *app) pipeCommand() *cobra.Command {
	var c pipeConfig
	cmd := &cobra.Command{
		Use:   "pipe --name NAME",
		Short: "Archive standard input",
		Long: `Archive standard input as a container's log is archived. Runs of one name on
one host continue one history, which 'coldtail logs NAME' prints.

The exit status is 0 only if everything was archived. What was not stays in the
state directory for the next run of that name, which finds it also where the host
was renamed. A second run of a name on one host waits for the first. SIGINT, SIGTERM
and SIGHUP end the command within 3 s; what it has read stays in the state
directory, too.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.pipe(cmd.Context(), &c) },
	}
	f := cmd.Flags()
	f.StringVar(&c.name, "name", "", "`name` that stands for a container's (required)")
	f.StringVar(&c.service, "service", "", "service `name` (default: the name)")
	f.StringVar(&c.host, "host", "", "host `name` (default: this host's)")
	f.StringArrayVar(&c.labels, "label", nil, "`key=value` to archive with every line; may be repeated")
	f.StringVar(&c.format, "format", "", "parquet or ndjson (default parquet)")
	f.StringVar(&c.rollSize, "roll-size", "", "raw `size` after which an object is closed (default 64m)")
	f.DurationVar(&c.patience, "upload-timeout", time.Minute, "how long to wait for the bucket at the end")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	c.addLogLevel(cmd, "warn")
	return cmd
}

// pipe archives stdin and returns nil if all of it is in the bucket.
func (a *app) pipe(ctx context.Context, c *pipeConfig) error {
	if err := c.resolve(a, a.toolState()); err != nil {
		return err
	}
	logger, err := c.logger(a, slog.LevelWarn)
	if err != nil {
		return &usageError{err}
	}
	src, err := c.source(a)
	if err != nil {
		return err
	}
	b, err := a.openBucket(ctx, &c.config, nil, logger)
	if err != nil {
		return err
	}
	p := &stdin.Run{
		Input: a.stdin, Patience: c.patience, Bucket: b, Logger: logger, Source: src, Leaves: a.leaves,
		// One state for each name, so that several can run at once.
		Dir: filepath.Join(statedir.Path(c.state).Pipes(), src.Meta.ContainerID[:16]),
	}
	return p.Run(ctx)
}

// source describes stdin as a container's log.
func (c *pipeConfig) source(a *app) (archiver.Source, error) {
	if c.name == "" {
		return archiver.Source{}, usagef("--name is missing")
	}
	// Who writes to a pipe can wait, unlike a container, which could not be stopped.
	cfg := map[string]string{"overflow": string(archiver.Block)}
	for name, value := range map[string]string{"format": c.format, "roll-size": c.rollSize} {
		if value != "" {
			cfg[name] = value
		}
	}
	opts, err := plugin.ParseOptions(cfg, plugin.EnvDefaults(a.environ))
	if err != nil {
		return archiver.Source{}, &usageError{err}
	}
	var labels map[string]string
	for _, kv := range c.labels {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return archiver.Source{}, usagef("--label %q: must be key=value", kv)
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[k] = v
	}
	host := c.host
	if host == "" {
		if host, err = os.Hostname(); err != nil {
			return archiver.Source{}, fmt.Errorf("find this host's name (give one with --host): %w", err)
		}
	}
	return archiver.Source{Options: opts.Stream, Meta: codec.Meta{
		ContainerID: pipeID(host, c.name), ContainerName: c.name, ServiceName: cmp.Or(c.service, c.name),
		HostName: host, Labels: labels,
	}}, nil
}

// pipeID stands for a container's id. It depends on the host, as two hosts'
// sequence numbers would collide.
func pipeID(host, name string) string {
	sum := sha256.Sum256([]byte("pipe\x00" + host + "\x00" + name))
	return hex.EncodeToString(sum[:])
}
