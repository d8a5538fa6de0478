// Command coldtail is a Docker logging driver that archives container logs to
// object storage, and the tools around its archive.
//
// Data goes to stdout, messages to stderr. The exit status is 0 for success, 1
// for failure and 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/stdin"
)

// version is stamped by the linker: -X main.version=…
var version = "unknown"

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(process(grace)) }

// process runs the command that the process was started as.
func process(grace time.Duration) int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), grace: grace}
	return a.run(ctx, os.Args[1:])
}

// endings are the signals that end a command. A terminal that is closed does not end
// what nohup has started.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// app is what the commands know of the process that they run in.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string // "NAME=value"

	// grace is how long a command may take to end after a signal; 0: as long as
	// it takes.
	grace   time.Duration
	patient atomic.Bool            // the command bounds its end itself
	left    atomic.Pointer[string] // what is to be said of a command that is given up

	hide     sync.Once
	replacer *strings.Replacer // see hidden
}

// getenv returns a variable's value; of several the last one counts.
func (a *app) getenv(name string) string {
	value := ""
	for _, kv := range a.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// usageError is a mistake of whoever typed the command.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errReported tells that a command has failed and said why.
var errReported = errors.New("reported before")

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// run runs a command and returns its exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	help := &checkedWriter{w: a.stdout}
	root.SetOut(help)
	root.SetArgs(args)
	cmd, err := a.execute(ctx, root)
	if err == nil {
		err = help.err()
	}
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errReported) {
		return exitFailure
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) && a.left.Load() == nil {
		err = stdin.ErrInterrupted
	}
	message, status := a.message(err), exitFailure
	if ue := (*usageError)(nil); errors.As(err, &ue) {
		message, status = message+fmt.Sprintf("Run '%s --help' for its usage.\n", cmd.CommandPath()), exitUsage
	}
	a.tell(ctx, message)
	return status
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "coldtail",
		Short:         "Archives container logs to object storage, and reads them back",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
			}
			return usagef("there is no command %q%s", args[0], hint)
		},
		RunE: func(*cobra.Command, []string) error { return usagef("which command?") },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetIn(a.stdin)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(a.pluginCommand(), a.pipeCommand(), a.logsCommand(), a.lsCommand(), a.verifyCommand(), a.reindexCommand(), a.flushCommand(), a.statusCommand(), a.doctorCommand(), a.ddlCommand(), a.versionCommand())
	return root
}

// exactArgs demands the named arguments.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("%s is missing", names[len(args)])
		case len(args) > len(names):
			return usagef("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, "coldtail", version)
			return err
		},
	}
}
