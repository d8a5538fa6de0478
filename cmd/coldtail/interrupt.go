package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/cmd/coldtail/stdin"
)

// grace is how long a command may take to end after a signal.
const grace = 2300 * time.Millisecond

// execute runs a command. After a signal it gives up a command that does not
// end: its disk, its store or the reader of its output may hang.
func (a *app) execute(ctx context.Context, root *cobra.Command) (*cobra.Command, error) {
	type end struct {
		cmd *cobra.Command
		err error
	}
	ended := make(chan end, 1)
	go func() {
		cmd, err := root.ExecuteContextC(ctx)
		ended <- end{cmd, err}
	}()
	var givenUp <-chan time.Time
	signal := ctx.Done()
	if a.grace == 0 {
		signal = nil
	}
	for {
		select {
		case e := <-ended:
			return e.cmd, e.err
		case <-signal:
			signal = nil
			if !a.patient.Load() {
				givenUp = time.After(a.grace)
			}
		case <-givenUp:
			err := fmt.Errorf("%w while the disk, the bucket or the reader of the output hangs", stdin.ErrInterrupted)
			if left := a.left.Load(); left != nil {
				err = errors.Join(err, errors.New(*left))
			}
			return root, err
		}
	}
}

// leaves says what is left behind by a command that is given up.
func (a *app) leaves(what string) { a.left.Store(&what) }

// tellTime is how long a last message may take once ctx has ended: stderr may
// be what hangs.
const tellTime = 200 * time.Millisecond

// tell prints a command's last message.
func (a *app) tell(ctx context.Context, message string) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		_, _ = io.WriteString(a.stderr, message)
	}()
	if a.grace > 0 && ctx.Err() != nil {
		select {
		case <-told:
		case <-time.After(tellTime):
		}
		return
	}
	<-told
}

// checkedWriter keeps the first error of what cobra prints, which looks at none.
type checkedWriter struct {
	w      io.Writer
	failed atomic.Pointer[error]
}

func (w *checkedWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	if err != nil {
		w.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

func (w *checkedWriter) err() error {
	if err := w.failed.Load(); err != nil {
		return fmt.Errorf("print: %w", *err)
	}
	return nil
}
