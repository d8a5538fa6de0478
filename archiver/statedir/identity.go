package statedir

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/coldtail/coldtail/archiver/durable"
)

// stateJSON is the kind of file that state.json and its copy are.
var stateJSON = durable.JSON{Version: 1, Newline: true}

// state is what identifies a state directory: state.json, and its copy.
type state struct {
	SpoolID string    `json:"spool_id"` // 16 hexadecimal digits
	Created time.Time `json:"created"`
	BootID  string    `json:"boot_id"` // of the kernel that ran last

	extra []durable.Member // of a later version, kept as they are
	use   use              // when it was in use
}

// parseState reads a file of the state.
func parseState(b []byte) (st state, err error) {
	extra, err := stateJSON.Decode(b, &st)
	if err != nil {
		return state{}, fmt.Errorf("not a state file: %w", err)
	}
	if st.extra = extra; !validSpoolID(st.SpoolID) {
		return state{}, fmt.Errorf("not a state file: %w", durable.ErrDamaged)
	}
	return st, nil
}

// format is parseState's inverse.
func (st state) format() ([]byte, error) { return stateJSON.Encode(st, st.extra...) }

func (st state) write(dir string) error {
	b, err := st.format()
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	for _, name := range []string{stateFile, stateCopyFile} {
		if err := durable.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("write state: %w", err)
		}
	}
	return nil
}
