package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver"
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
state directory for the next run of that name.`,
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
	// One state for each name, so that several can run at once.
	dir := filepath.Join(c.state, "pipes", src.Meta.ContainerID[:16])
	// archiveStdin has waited for the uploads already when Run is told to end.
	cfg := archiver.Config{StateDir: dir, Logger: logger, ShutdownTimeout: time.Millisecond, Defaults: src.Options}
	arch, err := archiver.New(cfg, b)
	if err != nil {
		return err
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- arch.Run(work) }()
	src.Path = filepath.Join(dir, "fifo")
	err = a.archiveStdin(ctx, arch, src, c.patience)
	stop()
	return errors.Join(err, <-ran)
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
		ContainerID: pipeID(host, c.name), ContainerName: c.name, ServiceName: first(c.service, c.name),
		HostName: host, Labels: labels,
	}}, nil
}

// pipeID stands for a container's id. It depends on the host, as two hosts'
// sequence numbers would collide.
func pipeID(host, name string) string {
	sum := sha256.Sum256([]byte("pipe\x00" + host + "\x00" + name))
	return hex.EncodeToString(sum[:])
}

// archiveStdin plays the daemon for one container: it writes stdin's entries to
// a FIFO that the archiver has attached.
func (a *app) archiveStdin(ctx context.Context, arch *archiver.Archiver, src archiver.Source, patience time.Duration) error {
	if err := os.Remove(src.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old fifo: %w", err)
	}
	if err := unix.Mkfifo(src.Path, 0o600); err != nil {
		return fmt.Errorf("make fifo: %w", err)
	}
	defer func() { _ = os.Remove(src.Path) }() // else the next run does
	// For reading, too, as the daemon does: then it can be opened without a reader.
	f, err := os.OpenFile(src.Path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open fifo: %w", err)
	}
	defer f.Close()
	work := context.WithoutCancel(ctx)
	if err := arch.Attach(work, src); err != nil {
		return err
	}
	w := &frameWriter{f: f}
	c := &copier{src: a.stdin, source: codec.Stdout, now: time.Now, emit: w.write}
	copied := make(chan error, 1)
	go func() { copied <- c.run() }()
	copyErr := awaitCopy(ctx, copied)
	w.stop()
	if err := arch.Detach(work, src.Path); err != nil {
		return errors.Join(copyErr, err)
	}
	deadline, cancel := context.WithTimeoutCause(work, patience, fmt.Errorf("the bucket did not take everything within %s", patience))
	defer cancel()
	res, err := arch.Flush(deadline, true)
	if err == nil && res.Pending > 0 {
		err = fmt.Errorf("%d segments are not archived", res.Pending)
	}
	if err != nil {
		err = fmt.Errorf("%w\nwhat is not archived stays in %s for the next run of this name", err, filepath.Dir(src.Path))
	}
	return errors.Join(copyErr, err)
}

// lastWords is how long stdin may go on after a signal: who interrupts a
// pipeline interrupts the writer, too, and its last lines matter most.
const lastWords = time.Second

// awaitCopy waits for the end of stdin, or not much longer than ctx.
func awaitCopy(ctx context.Context, copied <-chan error) error {
	var err error
	select {
	case err = <-copied:
	case <-ctx.Done():
		select {
		case err = <-copied:
		case <-time.After(lastWords):
			// The copier stays in its read until the process ends.
			return errors.New("interrupted before the end of standard input")
		}
	}
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	return nil
}
