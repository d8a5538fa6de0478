package stdin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/codec"
)

const (
	// pipeStateAge is how long the state of a pipe stays that has nothing to
	// archive: a run of its name goes on with its numbers.
	pipeStateAge = 7 * 24 * time.Hour
	// maxRemoved bounds how long a run is busy with what others left. Each run
	// leaves one state at most.
	maxRemoved = 100
)

// archiveLeft archives what earlier runs of the name left in other states than
// this run's: a state is a host's and a name's, and the host may have been
// renamed. A state that another run uses is that run's matter. Of one that has
// nothing to archive any more, and was not used for a while, nothing stays.
func (p *Run) archiveLeft(ctx context.Context) error {
	pipes := filepath.Dir(p.Dir)
	entries, err := os.ReadDir(pipes)
	if err != nil {
		return fmt.Errorf("look for what earlier runs left: %w", err)
	}
	var errs []error
	removed := 0
	for _, e := range entries {
		if ctx.Err() != nil {
			break
		}
		dir := filepath.Join(pipes, e.Name())
		if !e.IsDir() || dir == p.Dir {
			continue
		}
		left, err := statedir.Left(dir)
		if err == nil && slices.ContainsFunc(left, func(m codec.Meta) bool { return m.ContainerName == p.name() }) {
			err = p.archiveState(ctx, dir)
		}
		if len(left) == 0 && err == nil && removed < maxRemoved {
			var gone bool
			if gone, err = statedir.RemoveFinished(dir, time.Now().Add(-pipeStateAge)); gone {
				removed++
			}
		}
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			errs = append(errs, fmt.Errorf("archive what an earlier run left in %s: %w", codec.Printable(dir), err))
		}
	}
	return errors.Join(errs...)
}

// archiveState archives what a state holds.
func (p *Run) archiveState(ctx context.Context, dir string) error {
	arch, err := p.openState(dir)
	if err != nil {
		return err
	}
	stop := runArchiver(ctx, arch)
	return errors.Join(flushed(ctx, arch), stop())
}
