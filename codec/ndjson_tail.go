package codec

import "bytes"

// How far from its end a chunk is searched for the members of a range: this
// first, then so many times as far.
const (
	suffixBytes  = 256 << 10
	suffixFactor = 4
)

// lastMembers finds the members that a range needs, and some before them. Their
// headers lead from one to the next only forwards, so it looks for the first
// header near the end from which they lead to the end exactly, and farther off
// where that is not enough.
func (d *ndjsonDecoder) lastMembers(rg Range) ([]member, error) {
	for n := int64(suffixBytes); n < d.src.size && n <= ndjsonWindowBytes; n *= suffixFactor {
		b, err := d.window(span{d.src.size - n, d.src.size})
		if err != nil {
			return nil, err
		}
		if all := lastChain(b, d.src.size); reachBack(all, rg) {
			d.list, d.off = all, d.src.size
			return all, nil
		}
	}
	for d.off < d.src.size {
		if err := d.readHeader(); err != nil {
			return nil, err
		}
	}
	return d.list, nil
}

// lastChain returns the members in the last bytes b of a chunk.
func lastChain(b []byte, size int64) []member {
	start := size - int64(len(b))
	magic := []byte{0x1f, 0x8b, 8, 4}
	for at := 0; ; at++ {
		next := bytes.Index(b[at:], magic)
		if next < 0 {
			return nil
		}
		at += next
		if all := chain(b, int64(at), start, size); all != nil {
			return all
		}
	}
}

// chain follows the headers from b[at:] on; nil if they do not lead to the end.
func chain(b []byte, at, start, size int64) (all []member) {
	for at < int64(len(b)) {
		if int64(len(b))-at < memberHeadBytes {
			return nil
		}
		m, ok := parseMember(b[at:], start+at, size)
		if n := len(all); !ok || n > 0 && m.firstSeq <= all[n-1].firstSeq {
			return nil
		}
		all = append(all, m)
		at = m.end - start
	}
	return all
}

// reachBack tells whether the last members of a chunk have all that a range
// needs: enough rows, and what may begin so early that it has a part in them.
func reachBack(all []member, rg Range) bool {
	i, rows := len(all), int64(0)
	for i > 0 && rows < rg.Tail && (rg.FromSeq <= 0 || i == len(all) || all[i].firstSeq > rg.FromSeq) {
		i--
		rows += all[i].rows
	}
	return len(all) > 0 && i < len(all) && (rows >= rg.Tail || rg.FromSeq > 0 && all[i].firstSeq <= rg.FromSeq) &&
		all[0].firstSeq <= all[i].firstSeq-JoinMaxSeqs
}
