package statedir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// stateVersion is that of the state's files that this version writes. A file
// without one is of version 1.
const stateVersion = 1

var (
	errStateFile = errors.New("not a state file")
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
)

// member is a field of a JSON object.
type member struct {
	name string
	raw  json.RawMessage
}

// state is what identifies a state directory: state.json, and its copy.
type state struct {
	SpoolID string    `json:"spool_id"` // 16 hexadecimal digits
	Created time.Time `json:"created"`
	BootID  string    `json:"boot_id"` // of the kernel that ran last
	CRC32C  uint32    `json:"crc32c,omitempty"`

	extra []member // fields of a later version, kept as they are
	use   use      // when it was in use
}

// members takes a JSON object apart, in its order.
func members(b []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errStateFile
	}
	var out []member
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errStateFile
		}
		m := member{name: name.(string)} // the decoder accepts nothing else
		if err := dec.Decode(&m.raw); err != nil {
			return nil, errStateFile
		}
		out = append(out, m)
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return nil, errStateFile
	}
	return out, nil
}

// object is members' inverse.
func object(ms []member) ([]byte, error) {
	b := []byte{'{'}
	for i, m := range ms {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		b = append(append(b, name...), ':')
		b = append(b, m.raw...)
	}
	return append(b, '}'), nil
}

// parseState reads a file of the state. One without a checksum is older than
// checksums are. Unknown fields are a later version's that did not need a new
// format: they may be part of the checksum or not.
func parseState(b []byte) (st state, err error) {
	ms, err := members(b)
	if err != nil {
		return state{}, err
	}
	var version struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(b, &version) == nil && version.Version > stateVersion {
		return state{}, fmt.Errorf("version %d: %w", version.Version, codec.ErrNewer)
	}
	if json.Unmarshal(b, &st) != nil || !validSpoolID(st.SpoolID) {
		return state{}, errStateFile
	}
	for _, m := range ms {
		if !slices.Contains([]string{"spool_id", "created", "boot_id", "crc32c"}, m.name) {
			st.extra = append(st.extra, m)
		}
	}
	ms = slices.DeleteFunc(ms, func(m member) bool { return m.name == "crc32c" })
	all, err := object(ms)
	if err != nil {
		return state{}, err
	}
	known, err := st.known()
	if err != nil {
		return state{}, err
	}
	switch {
	case st.CRC32C == 0 && len(st.extra) == 0: // with extra, its name may be damaged
	case st.CRC32C != 0 && (st.CRC32C == sum(all) || st.CRC32C == sum(known)):
	default:
		return state{}, errStateFile
	}
	return st, nil
}

// known is the JSON of the fields that this version knows, without the checksum.
func (st state) known() ([]byte, error) {
	st.CRC32C = 0
	return json.Marshal(st)
}

// sum is a checksum that is never 0.
func sum(b []byte) uint32 { return max(1, crc32.Checksum(b, castagnoli)) }

// format is parseState's inverse.
func (st state) format() ([]byte, error) {
	b, err := st.known()
	if err != nil {
		return nil, err
	}
	ms, err := members(b)
	if err != nil {
		return nil, err
	}
	ms = append(ms, st.extra...)
	if b, err = object(ms); err != nil {
		return nil, err
	}
	b, err = object(append(ms, member{"crc32c", fmt.Append(nil, sum(b))}))
	return append(b, '\n'), err
}

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

// readStateFile reads one of the state's files. It returns no state where there is
// no such file.
func readStateFile(path string) (b []byte, st *state, err error) {
	if b, err = os.ReadFile(path); errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read state: %w", err)
	}
	s, err := parseState(b)
	if err != nil {
		return nil, nil, fmt.Errorf("read state %s: %w", path, err)
	}
	return b, &s, nil
}
