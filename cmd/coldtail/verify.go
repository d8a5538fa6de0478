package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/readback/verify"
)

// verifyConfig is what `coldtail verify` is told.
type verifyConfig struct {
	config
	expired bool
	json    bool
	workers int
}

// maxVerifyWorkers bounds memory: each holds an object of up to 32 MiB.
const maxVerifyWorkers = 64

func (a *app) verifyCommand() *cobra.Command {
	var c verifyConfig
	cmd := &cobra.Command{
		Use:   "verify [flags] [NAME|ID...]",
		Short: "Read the whole archive and report what is wrong with it",
		Long: `Read the whole archive, or all of some containers, and report gaps, duplicates,
objects that cannot be read, rows that are not of their object's hour, objects
that differ from their key or footer, and objects that readers do not find. The
exit status is 0 where nothing is wrong, and 1 where something is.

Notes, on objects with names that are not coldtail's and on rows with times that
fit no clock, do not count as wrong.

That a container's latest objects are missing, or all of it, cannot be told. A
container that is named is looked for by the index, as coldtail logs does; for
what the index does not know, verify the whole.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), &c, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&c.expired, "expired", false, "accept that histories lack their beginning: the bucket removes old objects")
	f.BoolVar(&c.json, "json", false, "print each finding as a line of JSON, then a line {\"summary\":…}")
	f.IntVar(&c.workers, "parallel", 4, "read this `number` of objects at a time")
	c.addBucket(cmd)
	c.addState(cmd, toolStateDefault)
	c.addLogLevel(cmd, "warn")
	return cmd
}

func (a *app) verify(ctx context.Context, c *verifyConfig, names []string) error {
	if err := c.resolve(a, a.toolState()); err != nil {
		return err
	}
	logger, err := c.logger(a, slog.LevelWarn)
	if err != nil {
		return &usageError{err}
	}
	if c.workers < 1 || c.workers > maxVerifyWorkers {
		return usagef("--parallel %d: must be 1 to %d", c.workers, maxVerifyWorkers)
	}
	b, err := a.openBucket(ctx, &c.config, nil, logger)
	if err != nil {
		return err
	}
	ids, err := a.verifyWhom(ctx, b, names)
	if err != nil {
		return err
	}
	out := &verifyPrinter{out: a.stdout, json: c.json}
	if f, ok := a.stderr.(*os.File); ok && isTerminal(f) {
		out.bar = newVerifyBar(f)
	}
	sum, err := verify.Run(ctx, retrying(b, logger), verify.Config{
		Containers: ids, Expired: c.expired, Workers: c.workers, Found: out.finding, Progress: out.progress,
	})
	out.clear()
	if err != nil {
		return fmt.Errorf("verify the archive: %w", err)
	}
	if len(ids) > 0 && sum.Objects == 0 && sum.Findings == 0 {
		return fmt.Errorf("the archive has no objects of %q", names)
	}
	out.summary(sum)
	if out.err != nil {
		return fmt.Errorf("print findings: %w", out.err)
	}
	if sum.Findings > 0 {
		return fmt.Errorf("something is wrong with the archive: %d findings", sum.Findings)
	}
	return nil
}

// verifyWhom returns the ids of the containers that names stand for.
func (a *app) verifyWhom(ctx context.Context, b bucket.Bucket, names []string) (ids []string, err error) {
	ctx, b, stop := guard(ctx, b, nil)
	defer stop()
	for _, name := range names {
		w := &who{names: []string{name}}
		if err := w.check(); err != nil {
			return nil, err
		}
		found, err := w.find(ctx, b, true)
		if err != nil {
			return nil, cause(ctx, err)
		}
		tellGuesses(a.stderr, nil, w.names, namesOf(found))
		for _, t := range found {
			ids = append(ids, t.ContainerID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// verifyPrinter prints findings to out, and progress to bar unless that is nil.
type verifyPrinter struct {
	out  io.Writer
	json bool
	bar  *verifyBar
	err  error // the first
}

func (p *verifyPrinter) keep(_ int, err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *verifyPrinter) line(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		p.keep(0, err)
		return
	}
	p.keep(p.out.Write(append(codec.VisibleJSON(b), '\n')))
}

func (p *verifyPrinter) finding(f verify.Finding) {
	p.clear()
	if p.json {
		p.line(f)
		return
	}
	p.keep(fmt.Fprintf(p.out, "%s: ", f.Kind))
	if f.Kind.Note() {
		p.keep(fmt.Fprint(p.out, "(note) "))
	}
	p.keep(fmt.Fprint(p.out, codec.Visible(f.Detail)))
	if f.LastSeq > 0 {
		p.keep(fmt.Fprintf(p.out, "\n    numbers    %d to %d", f.FirstSeq, f.LastSeq))
	}
	if f.ContainerID != "" {
		p.keep(fmt.Fprintf(p.out, "\n    container  %.12s, spool %s", codec.Visible(f.ContainerID), codec.Visible(f.SpoolID)))
	}
	role, otherRole := "object", "and"
	if f.Kind == verify.Gap || f.Kind == verify.Beginning {
		role, otherRole = "before", "after"
	}
	if f.Other != "" {
		p.keep(fmt.Fprintf(p.out, "\n    %-9s  %s", otherRole, codec.Visible(f.Other)))
	}
	if f.Key != "" {
		p.keep(fmt.Fprintf(p.out, "\n    %-9s  %s", role, codec.Visible(f.Key)))
	}
	p.keep(fmt.Fprintln(p.out))
}

func (p *verifyPrinter) summary(s verify.Summary) {
	if p.json {
		p.line(struct {
			Summary verify.Summary `json:"summary"`
		}{s})
		return
	}
	p.keep(fmt.Fprintf(p.out, "%d containers, %d objects, %s, %d entries", s.Containers, s.Objects, units.BytesSize(float64(s.SizeBytes)), s.Entries))
	if s.GapRows > 0 {
		p.keep(fmt.Fprintf(p.out, ", %d dropped as %d gap rows say", s.Dropped, s.GapRows))
	}
	p.keep(fmt.Fprintf(p.out, ": %d findings, %d notes\n", s.Findings, s.Notes))
}

func (p *verifyPrinter) progress(done, total verify.Amount) {
	if p.bar != nil {
		p.bar.show(done, total)
	}
}

// clear removes the bar, so that it does not mix with what is printed.
func (p *verifyPrinter) clear() {
	if p.bar != nil {
		p.bar.clear()
	}
}
