package spool

import (
	"encoding/binary"
	"errors"

	"github.com/coldtail/coldtail/codec"
)

// maxRecordBytes bounds a batch, and so what a reader needs to hold.
const maxRecordBytes = 1 << 20

// take numbers the whole frames at the start of b, the bytes that follow the
// segment's last whole frame, and passes over what is no frame. It leaves an
// unfinished frame at b's end alone.
func (s *segment) take(b []byte, arrivalNano int64) (entries, lost int64) {
	for len(b) > 0 {
		if n, k := wholeFrames(b); n > 0 {
			s.extend(b[:n], k, arrivalNano)
			entries += k
			b = b[n:]
			continue
		}
		n := garbage(b)
		if n == 0 {
			break
		}
		s.skip(int64(n))
		lost += int64(n)
		b = b[n:]
	}
	return entries, lost
}

// wholeFrames returns the size and the number of the frames at the start of b,
// as many as fit a record, though always the first.
func wholeFrames(b []byte) (n int, frames int64) {
	var e codec.Entry
	for n < len(b) {
		k, err := codec.ParseFrame(b[n:], &e)
		if err != nil || n > 0 && n+k > maxRecordBytes {
			break
		}
		n += k
		frames++
	}
	return n, frames
}

// startBytes is what it takes to recognise a frame's start: its length and the
// source that every frame of the daemon begins with.
const startBytes = 4 + 2 + len(codec.Stdout)

// garbage returns how many bytes of b to pass over to the next frame; zero
// where b starts with a frame that is not finished, or is too short to tell.
func garbage(b []byte) int {
	var e codec.Entry
	if _, err := codec.ParseFrame(b, &e); err == nil || errors.Is(err, codec.ErrShort) {
		return 0
	}
	for p := 1; p+startBytes <= len(b); p++ {
		if !frameStart(b[p:]) {
			continue
		}
		if _, err := codec.ParseFrame(b[p:], &e); err == nil || errors.Is(err, codec.ErrShort) {
			return p
		}
	}
	return max(0, len(b)-startBytes+1)
}

func frameStart(b []byte) bool {
	n := binary.BigEndian.Uint32(b)
	if n < uint32(startBytes-4) || n > codec.MaxFrameBytes || b[4] != 0x0a || b[5] != byte(len(codec.Stdout)) {
		return false
	}
	src := string(b[6:startBytes])
	return src == codec.Stdout || src == codec.Stderr
}
