package ndjson

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// How far from its end a chunk is searched for the members of a range: this
// first, then so many times as far.
const (
	suffixBytes  = 256 << 10
	suffixFactor = 4
)

// lastMembers finds the members that a range needs, and some before them. Their
// headers lead from one to the next only forwards, so it looks for the first
// header near the end from which they lead to the end exactly, and farther off
// if that is not enough.
func (d *Decoder) lastMembers(rg codec.Range) ([]member, error) {
	for n := int64(suffixBytes); n < d.src.Size && n <= windowBytes; n *= suffixFactor {
		b, err := d.window(ranged.Span{Off: d.src.Size - n, End: d.src.Size})
		if err != nil {
			return nil, err
		}
		if err := d.lim.Err(); err != nil {
			return nil, err
		}
		c := chainSearch{b: b, start: d.src.Size - n, size: d.src.Size}
		if all := c.chain(); reachBack(all, rg) {
			d.list, d.off = all, d.src.Size
			return all, nil
		}
	}
	for d.off < d.src.Size {
		if err := d.lim.Err(); err != nil {
			return nil, err
		}
		if err := d.readHeader(); err != nil {
			return nil, err
		}
	}
	return d.list, nil
}

// A chainSearch looks through the last bytes b of a chunk, which start at start,
// for headers from which others lead to its end exactly.
type chainSearch struct {
	b           []byte
	start, size int64
	found       []member // that do, the last first
	looked      int      // at headers
}

// chain returns the members from the first header that leads to the end. It goes
// backwards, so that of what a header leads to it is known whether that does:
// each header is looked at once, and each step after that is a search in found.
func (c *chainSearch) chain() (all []member) {
	magic := []byte{0x1f, 0x8b, 8, 4}
	for end := len(c.b); ; {
		at := bytes.LastIndex(c.b[:end], magic)
		if at < 0 {
			break
		}
		end = at + len(magic) - 1
		c.look(int64(at))
	}
	if len(c.found) == 0 {
		return nil
	}
	for m := &c.found[len(c.found)-1]; m != nil; m = c.at(m.End) {
		all = append(all, *m)
	}
	return all
}

func (c *chainSearch) look(at int64) {
	c.looked++
	if int64(len(c.b))-at < memberHeadBytes {
		return
	}
	m, ok := parseMember(c.b[at:], c.start+at, c.size)
	if !ok {
		return
	}
	if m.End < c.size {
		if next := c.at(m.End); next == nil || next.firstSeq <= m.firstSeq {
			return
		}
	}
	c.found = append(c.found, m)
}

// at returns the member that was found at off, or nil.
func (c *chainSearch) at(off int64) *member {
	i, ok := slices.BinarySearchFunc(c.found, off, func(m member, off int64) int { return cmp.Compare(off, m.Off) })
	if !ok {
		return nil
	}
	return &c.found[i]
}

// reachBack reports whether the last members of a chunk have all that a range
// needs: enough rows, and what may begin so early that it has a part in them.
func reachBack(all []member, rg codec.Range) bool {
	i, rows := len(all), int64(0)
	for i > 0 && rows < rg.Tail && (rg.FromSeq <= 0 || i == len(all) || all[i].firstSeq > rg.FromSeq) {
		i--
		rows += all[i].rows
	}
	return len(all) > 0 && i < len(all) && (rows >= rg.Tail || rg.FromSeq > 0 && all[i].firstSeq <= rg.FromSeq) &&
		all[0].firstSeq <= all[i].firstSeq-codec.JoinMaxSeqs
}
