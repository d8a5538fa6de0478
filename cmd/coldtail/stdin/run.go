package stdin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/codec"
)

// After a signal, the times from it on.
const (
	// lastWords is how long stdin may go on: who interrupts a pipeline
	// interrupts the writer, too, and its last lines matter most.
	lastWords = time.Second
	// lastUploads is when uploads end. What is spooled then stays.
	lastUploads = 1800 * time.Millisecond
	// lastWork is when work that is under way is not waited for any more. All of
	// it may end at any moment.
	lastWork = 2 * time.Second
)

// ErrInterrupted is the end of a command that was told to end.
var ErrInterrupted = errors.New("interrupted")

// A Run archives one stream as the log of a container.
type Run struct {
	Input    io.Reader
	Patience time.Duration // for the uploads at the end
	Bucket   bucket.Bucket
	Logger   *slog.Logger
	Source   archiver.Source // but for its path
	Dir      string          // the state's
	// Leaves is told what is left behind if the process ends before it returns.
	Leaves func(what string)
}

// name is what the stream is archived as: it stands for a container's.
func (p *Run) name() string { return p.Source.Meta.ContainerName }

// Run archives the input and what earlier runs of the name left.
func (p *Run) Run(ctx context.Context) error {
	p.Source.Path = filepath.Join(p.Dir, "fifo")
	left := fmt.Sprintf("what is not archived stays in %s for the next run of this name: coldtail pipe --name %s uploads it", codec.Printable(p.Dir), codec.Printable(p.name()))
	p.Leaves(left)
	uploads, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	abandoned := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(lastUploads, func() { giveUp(ErrInterrupted) })
		time.AfterFunc(lastWork, func() { close(abandoned) })
	})()
	arch, err := p.open(ctx)
	if err != nil {
		return err
	}
	earlier := make(chan error, 1)
	go func() { earlier <- p.archiveLeft(uploads) }()
	stop := runArchiver(ctx, arch)
	inputErr := p.spoolStdin(ctx, uploads, arch)
	// Nothing is lost from here on, whenever the process ends.
	ended := make(chan error, 1)
	go func() { ended <- p.finish(uploads, giveUp, arch, earlier, stop) }()
	select {
	case err = <-ended:
	case <-abandoned:
		err = fmt.Errorf("%w before all was uploaded", ErrInterrupted)
	}
	if err != nil {
		err = errors.Join(err, errors.New(left))
	}
	return errors.Join(inputErr, err)
}

// finish uploads what is spooled, waits for what earlier runs left, and closes
// the state.
func (p *Run) finish(uploads context.Context, giveUp context.CancelCauseFunc, arch *archiver.Archiver, earlier <-chan error, stop func() error) error {
	late := fmt.Errorf("the bucket did not take everything within %s", p.Patience)
	defer time.AfterFunc(p.Patience, func() { giveUp(late) }).Stop()
	return errors.Join(flushed(uploads, arch), <-earlier, stop())
}

// open opens the state, as soon as no other run of the name uses it: what comes
// from stdin meanwhile waits.
func (p *Run) open(ctx context.Context) (*archiver.Archiver, error) {
	for waits := false; ; waits = true {
		arch, err := p.openState(p.Dir)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return arch, err
		}
		if !waits {
			p.Logger.Warn("waiting for another coldtail pipe of this name to end", "name", p.name())
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w while another coldtail pipe of this name was running: nothing of standard input was archived", ErrInterrupted)
		case <-time.After(lockInterval):
		}
	}
}

// lockInterval is how often a run looks whether another one of its name has ended.
const lockInterval = 100 * time.Millisecond

// openState opens the state of a pipe.
func (p *Run) openState(dir string) (*archiver.Archiver, error) {
	return archiver.New(archiver.Config{
		StateDir: dir, Logger: p.Logger, Defaults: p.Source.Options,
		// Uploads were waited for when Run is told to end.
		ShutdownTimeout: time.Millisecond,
		// One container's log is bounded by its max-spool.
		SpoolBytes: math.MaxInt64,
	}, p.Bucket)
}

// runArchiver runs an archiver until stop, which returns when it has ended.
func runArchiver(ctx context.Context, arch *archiver.Archiver) (stop func() error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- arch.Run(work) }()
	signalled := context.AfterFunc(ctx, arch.Stopping)
	return func() error {
		signalled()
		cancel()
		return <-ran
	}
}

// flushed uploads what is spooled, and fails where something is left.
func flushed(ctx context.Context, arch *archiver.Archiver) error {
	res, err := arch.Flush(ctx, true)
	if err == nil && res.Pending > 0 {
		err = fmt.Errorf("%d segments are not archived", res.Pending)
	}
	if err != nil {
		err = fmt.Errorf("upload what is spooled: %w", err)
	}
	return err
}

// spoolStdin plays the daemon for one container: it writes stdin's entries to a
// FIFO that the archiver has attached, until stdin ends or a little after ctx
// has. All that was read of stdin is in the spool then, unless it fails, or the
// spool takes nothing until the end of the uploads.
func (p *Run) spoolStdin(ctx, uploads context.Context, arch *archiver.Archiver) error {
	fifo, err := p.makeFIFO()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(p.Source.Path) }() // else the next run does
	defer fifo.Close()
	if err := arch.Attach(context.WithoutCancel(ctx), p.Source); err != nil {
		return err
	}
	in := newInput(p.Input)
	w := &fifoWriter{f: fifo}
	c := &copier{src: in, source: codec.Stdout, now: time.Now, emit: w.write}
	copied := make(chan struct{})
	go func() { err = c.run(); close(copied) }()
	awaitInput(ctx, in, copied)
	// Nothing more is read. What is in the FIFO or on its way there is little, and
	// would end with this process.
	in.stop()
	arch.Admit(p.Source.Meta.ContainerID)
	select {
	case <-copied:
	case <-uploads.Done():
		return fmt.Errorf("%w: the spool did not take all that was read of standard input", context.Cause(uploads))
	}
	switch {
	case errors.Is(err, errStopped):
		err = fmt.Errorf("%w before the end of standard input", ErrInterrupted)
	case err != nil:
		err = fmt.Errorf("read standard input: %w", err)
	}
	return errors.Join(err, arch.Detach(uploads, p.Source.Path))
}

// awaitInput waits for the end of stdin, or not much longer than ctx.
func awaitInput(ctx context.Context, in *input, copied <-chan struct{}) {
	select {
	case <-in.ended:
	case <-copied: // it failed
	case <-ctx.Done():
		select {
		case <-in.ended:
		case <-copied:
		case <-time.After(lastWords):
		}
	}
}

func (p *Run) makeFIFO() (*os.File, error) {
	if err := os.Remove(p.Source.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old fifo: %w", err)
	}
	if err := unix.Mkfifo(p.Source.Path, 0o600); err != nil {
		return nil, fmt.Errorf("make fifo: %w", err)
	}
	// For reading, too, as the daemon does: then it can be opened without a reader.
	f, err := os.OpenFile(p.Source.Path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open fifo: %w", err)
	}
	return f, nil
}
