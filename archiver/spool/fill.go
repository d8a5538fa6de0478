package spool

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/codec"
)

// spliceBytes is the most that one splice moves: the pipe's lock is held
// meanwhile, and the daemon waits for it.
const spliceBytes = 256 << 10

// Filled is what a Fill did.
type Filled struct {
	Bytes   int
	Entries int64
	Lost    int64 // bytes that were no frames
	// Torn reports that the log now ends in an unfinished frame.
	Torn bool
	// Uncommitted is how many bytes wait for a commit.
	Uncommitted int64
	// ActiveBytes and ActiveFirstNano are the active segment's size, and the
	// arrival of its first entry in Unix nanoseconds.
	ActiveBytes     int64
	ActiveFirstNano int64
}

// Fill moves what the FIFO fd holds into the log, without waiting for more and
// without waiting for the disk to have it. It moves at most 256 KiB; call it
// until Bytes is 0. It returns io.EOF once the FIFO is empty and nobody has it
// open for writing, and an error that wraps ErrFull if there is no room: the
// entries are then still in the FIFO.
//
// source names the FIFO, so that after a crash an unfinished frame is continued
// from where it came. The caller changes sources only when Torn is false, or
// calls DropTorn first.
func (l *Log) Fill(fd int, source string) (Filled, error) {
	f, err := l.fill(fd, source)
	l.step("append", l.cfg.Dir)
	return f, err
}

func (l *Log) fill(fd int, source string) (Filled, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.intake.unread > 0 {
		return l.readBack()
	}
	if err := l.prepare(fd, sourceSum(source)); err != nil {
		return Filled{Torn: l.active != nil && l.active.torn() || len(l.intake.copied) > 0}, err
	}
	if l.active == nil {
		return Filled{}, nil // the FIFO is empty: no reason to make a segment
	}
	s := l.active
	limit := spliceBytes
	if l.rollDue {
		// Finish this frame, and no more than it.
		limit = l.missing()
	}
	n, err := l.move(fd, limit)
	if n <= 0 {
		return Filled{Torn: s.torn() || len(l.intake.copied) > 0}, err
	}
	s.written += int64(n)
	l.intake.unread += n
	return l.readBack()
}

// readBack numbers what was moved into the data file. If that cannot be read,
// it stays there for the next attempt.
func (l *Log) readBack() (Filled, error) {
	s := l.active
	t := l.tail.room(s.end, s.written)
	if err := t.load(s.data, s.written); err != nil {
		return Filled{Torn: true}, err
	}
	l.tail = t
	f := Filled{Bytes: l.intake.unread}
	l.intake.unread = 0
	f.Entries, f.Lost = s.take(t.b[s.end-t.off:], l.cfg.Now().UnixNano())
	l.lost += f.Lost
	f.Torn = s.torn()
	f.Uncommitted = s.uncommitted()
	f.ActiveBytes, f.ActiveFirstNano = s.end, s.firstNano
	l.rollIfDue()
	if f.Entries > 0 {
		l.wake()
	}
	return f, nil
}

// prepare makes the active segment ready to take bytes from the source. It
// makes a new one only if there are any, as a FIFO may stay silent for ever.
func (l *Log) prepare(fd int, source uint32) error {
	l.rollIfDue()
	if l.active == nil {
		ready, err := readable(fd)
		if len(l.intake.copied) == 0 && (err != nil || !ready) {
			return err
		}
		if err := l.ensureActive(); err != nil {
			return full(err)
		}
	}
	x := l.active.idx
	if x.last == source {
		return nil
	}
	if err := x.append(Record{kind: kindSource, CRC: source, Offset: l.active.written}); err != nil {
		return full(err)
	}
	x.last = source
	return nil
}

// readable reports whether fd holds bytes; io.EOF if it never will again.
func readable(fd int) (bool, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err := unix.Poll(p, 0)
	for errors.Is(err, unix.EINTR) {
		_, err = unix.Poll(p, 0)
	}
	if err != nil {
		return false, fmt.Errorf("poll fifo: %w", err)
	}
	switch ev := p[0].Revents; {
	case ev&unix.POLLIN != 0:
		return true, nil
	case ev&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0:
		return false, io.EOF
	}
	return false, nil
}

// missing is how much the unfinished frame lacks, as far as is known.
func (l *Log) missing() int {
	s := l.active
	if l.tail.holds(s.end, s.written) {
		return codec.FrameMissing(l.tail.b[s.end-l.tail.off:])
	}
	b := make([]byte, min(s.written-s.end, 4))
	if _, err := s.data.ReadAt(b, s.end); err != nil || len(b) < 4 {
		return 1
	}
	return max(1, codec.FrameMissing(b)-int(s.written-s.end)+len(b))
}

// move brings up to limit bytes from the FIFO to the data file's end. It
// returns 0 and no error when the FIFO is empty.
func (l *Log) move(fd, limit int) (int, error) {
	s := l.active
	if l.intake.noSplice {
		return l.copy(fd, limit)
	}
	for {
		off := s.written
		n, err := unix.Splice(fd, nil, int(s.data.Fd()), &off, limit, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		case errors.Is(err, unix.EINVAL):
			// This file system cannot splice.
			l.intake.noSplice = true
			return l.copy(fd, limit)
		case err != nil:
			return 0, full(fmt.Errorf("splice into segment: %w", err))
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// copy is move for file systems that refuse splice(2). A SIGKILL between its
// two system calls loses what was read. What could not be written is kept for
// the next attempt.
func (l *Log) copy(fd, limit int) (int, error) {
	for len(l.intake.copied) == 0 {
		buf := make([]byte, limit)
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		case err != nil:
			return 0, fmt.Errorf("read fifo: %w", err)
		case n == 0:
			return 0, io.EOF
		default:
			l.intake.copied = buf[:n]
		}
	}
	n := min(limit, len(l.intake.copied))
	if _, err := l.active.data.WriteAt(l.intake.copied[:n], l.active.written); err != nil {
		return 0, full(fmt.Errorf("write segment: %w", err))
	}
	if l.intake.copied = l.intake.copied[n:]; len(l.intake.copied) == 0 {
		l.intake.copied = nil
	}
	return n, nil
}

// full marks the errors that mean that there is no room.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
