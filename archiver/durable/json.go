package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"

	"github.com/coldtail/coldtail/codec"
)

// ErrDamaged reports that a file is not what was written.
var ErrDamaged = errors.New("damaged")

// JSON is a kind of small JSON file with a checksum, the CRC-32C of its content:
// that a file is whole or absent does not suffice, as disks change bits.
//
// If Body is set, the content is that member's value:
//
//	{"version":1,"crc32c":2147483647,"record":{…}}
//
// Else the checksum is the last of the content's own members:
//
//	{"spool_id":"…","crc32c":2147483647}
type JSON struct {
	Body string
	// Version is the newest that this process understands. A file without one is of
	// version 1.
	Version int
	// Versioned makes Encode write the version.
	Versioned bool
	// Newline makes Encode end the file with one.
	Newline bool
}

// Member is a member of a JSON object.
type Member struct {
	Name  string
	Value json.RawMessage
}

const sumMember = "crc32c"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns a file with v as its content. Without a Body, extra are members
// that v does not have.
func (k JSON) Encode(v any, extra ...Member) ([]byte, error) {
	content, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var b []byte
	switch {
	case k.Body == "":
		if b, err = seal(content, extra); err != nil {
			return nil, err
		}
	case k.Versioned:
		b = fmt.Appendf(nil, `{"version":%d,%q:%d,%q:%s}`, k.Version, sumMember, crc32.Checksum(content, castagnoli), k.Body, content)
	default:
		b = fmt.Appendf(nil, `{%q:%d,%q:%s}`, sumMember, crc32.Checksum(content, castagnoli), k.Body, content)
	}
	if k.Newline {
		b = append(b, '\n')
	}
	return b, nil
}

// seal adds the other members to an object, and their checksum.
func seal(content []byte, extra []Member) ([]byte, error) {
	ms, err := members(content)
	if err != nil {
		return nil, err
	}
	ms = append(ms, extra...)
	if content, err = object(ms); err != nil {
		return nil, err
	}
	return object(append(ms, Member{sumMember, fmt.Append(nil, sumInside(content))}))
}

// sumInside is a checksum beside what it is of. It is never 0: an early version had none.
func sumInside(b []byte) uint32 { return max(1, crc32.Checksum(b, castagnoli)) }

// Decode is Encode's inverse. Its errors wrap ErrDamaged or codec.ErrNewer and
// quote nothing of the file. With the latter, v has what could be understood.
// Without a Body, extra are the members that v does not have.
func (k JSON) Decode(b []byte, v any) (extra []Member, err error) {
	ms, err := members(b)
	if err != nil {
		return nil, err
	}
	content := json.RawMessage(b)
	if k.Body != "" {
		content = nil
		for _, m := range ms {
			// As encoding/json takes names: a bit that changes their case does no harm.
			if strings.EqualFold(m.Name, k.Body) {
				content = m.Value
			}
		}
	}
	verr := json.Unmarshal(content, v)
	var version struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(b, &version) == nil && version.Version > k.Version {
		return nil, fmt.Errorf("version %d: %w", version.Version, codec.ErrNewer)
	}
	var sum struct {
		CRC32C uint32 `json:"crc32c"`
	}
	// The decoder's own errors quote content, which may be a user's.
	if json.Unmarshal(b, &sum) != nil || verr != nil {
		return nil, errNotKind
	}
	if k.Body == "" {
		return unseal(ms, v, sum.CRC32C)
	}
	if crc32.Checksum(content, castagnoli) != sum.CRC32C {
		return nil, errWrongSum
	}
	return nil, nil
}

var (
	errNotKind  = fmt.Errorf("%w: not JSON of its kind", ErrDamaged)
	errWrongSum = fmt.Errorf("%w: wrong checksum", ErrDamaged)
)

// unseal checks the checksum among an object's members. Members that v does not have
// are a later version's that needed no new format: they may be part of the checksum
// or not.
func unseal(ms []Member, v any, sum uint32) (extra []Member, err error) {
	own, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	known, err := members(own)
	if err != nil {
		return nil, err
	}
	ms = slices.DeleteFunc(ms, func(m Member) bool { return m.Name == sumMember })
	all, err := object(ms)
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		if !slices.ContainsFunc(known, func(o Member) bool { return o.Name == m.Name }) {
			extra = append(extra, m)
		}
	}
	switch {
	case sum == 0 && len(extra) == 0: // with extra, its name may be damaged
	case sum != 0 && (sum == sumInside(all) || sum == sumInside(own)):
	default:
		return nil, errWrongSum
	}
	return extra, nil
}

// members takes a JSON object apart, in its order.
func members(b []byte) ([]Member, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotKind
	}
	var out []Member
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errNotKind
		}
		m := Member{Name: name.(string)} // the decoder accepts nothing else
		if err := dec.Decode(&m.Value); err != nil {
			return nil, errNotKind
		}
		out = append(out, m)
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return nil, errNotKind
	}
	return out, nil
}

// object is members' inverse.
func object(ms []Member) ([]byte, error) {
	b := []byte{'{'}
	for i, m := range ms {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		b = append(append(b, name...), ':')
		b = append(b, m.Value...)
	}
	return append(b, '}'), nil
}

// Copies is what ReadCopies found.
type Copies struct {
	Damaged []string // the paths of those that are
	Same    bool     // all are there, and the same
}

// ReadCopies calls decode with each copy of a file, in the order of their paths. It
// stops at an error of decode that is not ErrDamaged. If there is no copy, it returns
// os.ErrNotExist.
func ReadCopies(decode func(b []byte) error, paths ...string) (c Copies, err error) {
	var whole [][]byte
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, err
		}
		switch err := decode(b); {
		case errors.Is(err, ErrDamaged):
			c.Damaged = append(c.Damaged, path)
		case err != nil:
			return c, fmt.Errorf("%s: %w", path, err)
		default:
			whole = append(whole, b)
		}
	}
	if whole == nil && c.Damaged == nil {
		return c, os.ErrNotExist
	}
	c.Same = len(whole) == len(paths) && !slices.ContainsFunc(whole, func(b []byte) bool { return !bytes.Equal(b, whole[0]) })
	return c, nil
}
