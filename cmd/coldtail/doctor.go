package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/plugin"
)

func (a *app) doctorCommand() *cobra.Command {
	var c config
	var d doctor
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a configuration as it will be used",
		Long: `Check a configuration as it will be used: the bucket and each permission on it,
the clock, the state directory's disk, the Docker engine. Each check is one line:
ok, warn, fail, or skip for what could not be checked, and what to do. The exit
status is 1 if anything fails.

Where no --bucket is given and the Docker engine has a coldtail plugin, its
settings are checked; else the flags, the environment and the defaults, as
coldtail plugin would take them.

It writes one small object, doctor/<host>, below the bucket's prefix, and
deletes it again.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.app, d.c, d.timeout = a, &c, probe.Timeout
			out := &doctorReport{app: a, json: asJSON}
			d.report = out.add
			if err := d.settle(cmd.Context(), out); err != nil {
				return err
			}
			d.run(cmd.Context())
			return out.end()
		},
	}
	c.addBucket(cmd)
	c.addState(cmd, pluginState)
	c.addLogOpts(cmd)
	c.addSizes(cmd)
	cmd.Flags().StringVar(&d.pluginName, "plugin", "", "`name` of the managed plugin whose settings are checked (default: the engine's only one)")
	cmd.Flags().BoolVar(&d.slow, "slow", false, "also follow a running container's log for 35 s, which shows whether Docker cuts it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// doctor is one run. What it checks is its fields; findings go to report.
type doctor struct {
	app        *app
	c          *config
	pluginName string
	slow       bool
	timeout    time.Duration // of a check
	report     func(probe.Result)

	engine  *engineAPI
	managed *managedPlugin // whose settings are checked; nil: none
}

func (d *doctor) run(ctx context.Context) {
	d.checkLogOpts()
	d.checkBucket(ctx)
	d.checkState(ctx)
	d.checkEngine(ctx)
	d.checkPlugin(ctx)
}

// check reports what f finds within the timeout. f may hang beyond it, on a
// disk that does not answer; so it leaves nothing but its result.
func (d *doctor) check(ctx context.Context, name string, f func(context.Context) probe.Result) {
	res, ok := within(ctx, d.timeout, f)
	if !ok {
		res = failing("see whether the disk or the daemon behind it hangs", "no answer within %v", d.timeout)
	}
	d.reportAs(name, res)
}

func (d *doctor) reportAs(name string, res probe.Result) {
	res.Name = name
	d.report(res)
}

// within calls f and waits for it until a little after its context's end.
func within[T any](ctx context.Context, timeout time.Duration, f func(context.Context) T) (value T, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan T, 1)
	go func() { done <- f(ctx) }()
	select {
	case value = <-done:
		return value, true
	case <-ctx.Done():
	}
	select {
	case value = <-done:
		return value, true
	case <-time.After(time.Second):
		return value, false
	}
}

func passing(format string, args ...any) probe.Result {
	return probe.Result{Status: probe.OK, Detail: fmt.Sprintf(format, args...)}
}

func warning(remedy, format string, args ...any) probe.Result {
	return probe.Result{Status: probe.Warn, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func failing(remedy, format string, args ...any) probe.Result {
	return probe.Result{Status: probe.Fail, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

// skipping is for what could not be checked; the remedy, how to check it.
func skipping(remedy, format string, args ...any) probe.Result {
	return probe.Result{Status: probe.Skip, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

// checkLogOpts finds plugin-wide defaults that would keep every container from
// starting.
func (d *doctor) checkLogOpts() {
	defaults, err := d.c.optionDefaults(d.app)
	if err == nil {
		_, err = plugin.ParseOptions(nil, defaults)
	}
	res := passing("%d defaults are set", len(defaults))
	if err != nil {
		res = failing("correct it: no container starts with it", "%v", err)
	}
	d.reportAs("log-opts", res)
}

// doctorReport prints results, or gathers them for JSON, without secrets.
type doctorReport struct {
	app     *app
	json    bool
	hidden  []string // secrets
	secrets *strings.Replacer
	results []probe.Result
	err     error // of the output
}

func (r *doctorReport) add(res probe.Result) {
	res.Detail, res.Remedy = r.clean(res.Detail), r.clean(res.Remedy)
	r.results = append(r.results, res)
	if r.json || r.err != nil {
		return
	}
	line := fmt.Sprintf("%-4s  %-15s  %s", res.Status, res.Name, res.Detail)
	if res.Remedy != "" {
		line += " -> " + res.Remedy
	}
	_, r.err = fmt.Fprintln(r.app.stdout, line)
}

// clean makes text one line for a terminal in which no secret is, whatever an
// SDK's error says.
func (r *doctorReport) clean(s string) string {
	s = codec.Visible(strings.Join(strings.Fields(s), " "))
	if r.secrets != nil {
		s = r.secrets.Replace(s)
	}
	return s
}

// hide keeps the secrets of an environment out of the output, beside those that
// are kept out already.
func (r *doctorReport) hide(environ []string) {
	r.hidden = append(r.hidden, secretsIn(environ)...)
	r.secrets = hiding(r.hidden)
}

// end prints what is left to print, and is an error if a check failed.
func (r *doctorReport) end() error {
	count := map[probe.Status]int{}
	for _, res := range r.results {
		count[res.Status]++
	}
	if r.json {
		enc := json.NewEncoder(visibleJSON{r.app.stdout})
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		r.err = enc.Encode(struct {
			OK     bool                 `json:"ok"`
			Count  map[probe.Status]int `json:"count"`
			Checks []probe.Result       `json:"checks"`
		}{count[probe.Fail] == 0, count, r.results})
	}
	if r.err != nil {
		return r.err
	}
	if n := count[probe.Fail]; n > 0 {
		return fmt.Errorf("%d of %d checks failed", n, len(r.results))
	}
	return nil
}

// hostName is this host's, or "".
func hostName() string {
	name, _ := os.Hostname()
	return name
}
