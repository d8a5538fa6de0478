package codec

import "errors"

// metaReadBytes bounds what is read of a container's description: labels and
// attributes were bounded by a segment's header of 4 MiB alone once. Beside its
// bytes, each costs pairBytes.
const (
	metaReadBytes = 32 << 20
	MetaPairBytes = 64
)

var errMeta = errors.New("implausibly many or long labels")

// A MetaBudget counts what is read of a container's description.
type MetaBudget struct {
	left int
	mem  *Allowance
}

// NewMetaBudget returns a budget whose bytes also count against mem.
func NewMetaBudget(mem *Allowance) *MetaBudget { return &MetaBudget{metaReadBytes, mem} }

// Take counts n bytes.
func (b *MetaBudget) Take(n int) error {
	if b.left -= n; b.left < 0 {
		return errMeta
	}
	return b.mem.Grow(int64(n))
}

// MetaTextMaxBytes bounds a text that is the same in all rows: it was in a
// segment's header, which had 4 MiB at most.
const MetaTextMaxBytes = 4 << 20
