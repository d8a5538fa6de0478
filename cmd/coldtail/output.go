package main

import (
	"bytes"
	"fmt"
	"regexp"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// printer prints lines of containers' logs.
type printer interface {
	print(t *target, l *logLine) error
	flush() error
}

// flushInterval is how long a line may wait in a buffer while others come.
const flushInterval = 200 * time.Millisecond

// logOutput is the way of an entry to where it is printed.
type logOutput struct {
	printer
	joiner *joiner // nil: entries are printed as they are
	match  *regexp.Regexp
	invert bool

	wait *spinner
	// keepWait tells that what goes to stdout is not seen beside the spinner.
	keepWait bool

	line    logLine
	count   int
	flushed time.Time
}

// newLogOutput returns the output that c asks for.
func (a *app) newLogOutput(c *logsConfig, one bool, wait *spinner) (*logOutput, error) {
	o := &logOutput{invert: c.invert, flushed: time.Now(), wait: wait, keepWait: !a.terminal(a.stdout)}
	if c.grep != "" {
		expr := c.grep
		if c.ignoreCase {
			expr = "(?i:" + expr + ")"
		}
		var err error
		if o.match, err = regexp.Compile(expr); err != nil {
			return nil, usagef("--grep %q: must be a regular expression (RE2): %w", c.grep, err)
		}
	}
	prefixed := !one && !c.noPrefix
	switch {
	case c.json:
		o.printer = newJSONWriter(a.stdout)
	default:
		w := newLineWriter(a.stdout, a.stderr, c.timestamps)
		if prefixed {
			w.prefixes = newPrefixes(!c.noColor && a.colored(a.stdout), !c.noColor && a.colored(a.stderr))
		}
		o.printer = w
	}
	// One container's bytes go out as they came.
	if c.json || o.match != nil || !one {
		o.joiner = newJoiner(o.put)
	}
	return o, nil
}

// expect makes room for the targets' prefixes.
func (o *logOutput) expect(targets []*target) {
	if w, ok := o.printer.(*lineWriter); ok && w.prefixes != nil {
		for _, t := range targets {
			w.prefixes.add(t.label)
		}
	}
}

func (o *logOutput) add(t *target, e *codec.Entry) error {
	o.count++
	o.wait.add(1)
	if o.count%256 == 0 && time.Since(o.flushed) > flushInterval {
		if err := o.flush(); err != nil {
			return err
		}
	}
	if o.joiner != nil {
		return o.joiner.add(t, e)
	}
	o.line.Entry = *e
	return o.put(t, &o.line)
}

func (o *logOutput) put(t *target, l *logLine) error {
	if o.match != nil && o.match.Match(bytes.TrimSuffix(l.Line, []byte("\r"))) == o.invert {
		return nil
	}
	if !o.keepWait || l.Source != codec.Stdout {
		o.wait.stop()
	}
	return o.print(t, l)
}

// finish prints what is unfinished of a target or, with nil, of all.
func (o *logOutput) finish(t *target) error {
	if o.joiner == nil {
		return nil
	}
	return o.joiner.finish(t)
}

func (o *logOutput) flush() error {
	o.flushed = time.Now()
	if err := o.printer.flush(); err != nil {
		return fmt.Errorf("print log: %w", err)
	}
	return nil
}
