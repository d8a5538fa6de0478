package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coldtail/coldtail/archiver/durable"
)

// streamState is what outlives a container's segments: stream.json.
type streamState struct {
	LastSeq     int64 `json:"last_seq"`     // 0 while there were no entries
	LastSegment int64 `json:"last_segment"` // 0 while there were no segments
	// NextSeq, if higher than what follows LastSeq, is the next entry's number:
	// those in between may have been given to entries that were lost.
	NextSeq int64 `json:"next_seq,omitempty"`
	// SpoolID is the one that the numbers were given under. Those of an earlier one
	// end below Floor.
	SpoolID string `json:"spool_id,omitempty"`
	Floor   int64  `json:"floor,omitempty"`
}

// streamJSON is the kind of file that stream.json is.
var streamJSON = durable.JSON{Body: "stream", Version: 1}

// maxStreamBytes is far more than a stream.json has.
const maxStreamBytes = 1 << 20

func readStream(dir string) (streamState, error) {
	b, err := readBounded(filepath.Join(dir, streamFile), maxStreamBytes)
	if errors.Is(err, os.ErrNotExist) {
		return streamState{}, nil
	}
	if err != nil {
		return streamState{}, fmt.Errorf("read stream state: %w", err)
	}
	var st streamState
	if _, err := streamJSON.Decode(b, &st); err != nil {
		return streamState{}, fmt.Errorf("read stream state: %w", err)
	}
	if !st.valid() {
		return streamState{}, fmt.Errorf("read stream state: %w: numbers beyond their bounds", durable.ErrDamaged)
	}
	return st, nil
}

// valid reports whether the numbers are within their bounds.
func (st streamState) valid() bool {
	for _, n := range []int64{st.LastSeq, st.LastSegment, st.NextSeq, st.Floor} {
		if n != 0 && !plausible(n) {
			return false
		}
	}
	return true
}

// NextNumber returns what the numbers of a log without segments are below, as
// stream.json in its directory has it; 0 where it cannot be read.
func NextNumber(dir string) int64 {
	st, err := readStream(dir)
	if err != nil {
		return 0
	}
	return max(st.LastSeq+1, st.NextSeq, st.Floor)
}

func (st streamState) write(dir string) error {
	if !st.valid() {
		return fmt.Errorf("encode stream state: numbers beyond their bounds: %+v", st)
	}
	b, err := streamJSON.Encode(st)
	if err != nil {
		return fmt.Errorf("encode stream state: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, streamFile), b, 0o600)
}
