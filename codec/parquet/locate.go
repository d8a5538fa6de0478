package parquet

import (
	"math"
	"slices"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/join"
	"github.com/coldtail/coldtail/codec/ranged"
)

// locate finds the first row that a range needs, and the sequence number from
// which entries are wanted. It reads seq and parts only.
//
// A tail of n entries: the last n rows hold n entries or more, none before the
// first one's sequence number s, so the tail is among the entries from s on. All
// of them are in rows that start at s - JoinMaxSeqs or later.
//
// Of a tail that is too long to keep its numbers, skip says how many entries
// come before it.
func (d *Decoder) locate(rg codec.Range) (row, from, skip int64, err error) {
	from = join.FromSeq(rg)
	first, err := d.f.firstSeqs(len(d.seqs.pages))
	if err != nil {
		return 0, 0, 0, err
	}
	if rg.Tail < d.f.entries {
		at := max(0, d.f.rows-rg.Tail)
		// Where no line has parts, the tail's bodies are those from row at on.
		bodies := d.bodies.spanFrom(at)
		if bodies.Size() > ranged.TailBodyBytes {
			bodies = ranged.Span{}
		}
		if err := d.prefetchKeys(d.seqs.pages[d.seqs.pageOf(at)].row, bodies); err != nil {
			return 0, 0, 0, err
		}
		if from, skip, err = d.tail(at, rg.Tail, from); err != nil {
			return 0, 0, 0, err
		}
	}
	// The first row at or after from is in the last page that starts before.
	p, _ := slices.BinarySearch(first, from)
	page := max(p-1, 0)
	if err := d.prefetchKeys(d.seqs.pages[page].row); err != nil {
		return 0, 0, 0, err
	}
	row, err = d.rowOf(page, from)
	return row, from, skip, err
}

// prefetchKeys reads what locate and the columns after it need of the columns
// that are small, to look back from the row, and other ranges with that.
func (d *Decoder) prefetchKeys(row int64, others ...ranged.Span) error {
	row = max(0, row-codec.JoinMaxSeqs)
	ranges := append(others, d.streams.dictionarySpan(d.streamSpan))
	for _, c := range d.readers() {
		if c.leaf != colBody {
			ranges = append(ranges, c.spanFrom(row))
		}
	}
	return d.f.Prefetch(ranges)
}

// tailMaxSeqs is how many numbers of a tail are kept to find its first.
const tailMaxSeqs = 1 << 16

// tail returns the number from which the last n entries that are not before from
// are wanted, and how many to pass over there. At is a row such that n or more are
// at its number or later.
func (d *Decoder) tail(at, n, from int64) (first, skip int64, err error) {
	start, seq, err := d.lookBack(at)
	if err != nil {
		return 0, 0, err
	}
	first = max(from, seq)
	l := largest{n: int(min(n, tailMaxSeqs)), from: first}
	entries := int64(0)
	err = d.eachKey(start, d.f.rows, func(_, rowSeq int64, parts []join.Part) bool {
		if n > tailMaxSeqs {
			r := join.Row{Seq: rowSeq, Parts: parts}
			entries += r.EntriesFrom(first)
		} else {
			l.addRow(rowSeq, parts)
		}
		return true
	})
	if n > tailMaxSeqs {
		return first, max(0, entries-n), err
	}
	return l.smallest(), 0, err
}

// largest finds the n largest sequence numbers, in memory for some 2n.
type largest struct {
	n    int
	from int64 // smaller ones do not count
	seqs []int64
}

func (l *largest) addRow(seq int64, parts []join.Part) {
	if len(parts) == 0 {
		l.add(seq)
	}
	for _, p := range parts {
		l.add(p.Seq)
	}
}

func (l *largest) add(seq int64) {
	if seq < l.from {
		return
	}
	if len(l.seqs) > codec.JoinMaxSeqs && len(l.seqs)/2 > l.n {
		l.trim()
	}
	l.seqs = append(l.seqs, seq)
}

func (l *largest) trim() {
	slices.Sort(l.seqs)
	l.seqs = l.seqs[:copy(l.seqs, l.seqs[max(0, len(l.seqs)-l.n):])]
}

// smallest returns the smallest of them, the first of a tail of n.
func (l *largest) smallest() int64 {
	l.trim()
	if len(l.seqs) == 0 {
		return l.from
	}
	return l.seqs[0]
}

// rowOf returns the first row with an entry at from or later. Page is the one
// of seq where rows from there on start.
func (d *Decoder) rowOf(page int, from int64) (int64, error) {
	start, _, err := d.lookBackFrom(d.seqs.pages[page].row, from)
	if err != nil {
		return 0, err
	}
	found := d.f.rows
	err = d.eachKey(start, d.f.rows, func(row, seq int64, parts []join.Part) bool {
		if n := len(parts); n > 0 {
			seq = max(seq, parts[n-1].Seq)
		}
		if seq < from {
			return true
		}
		found = row
		return false
	})
	return found, err
}

// lookBack returns row at's sequence number, and the first row that may hold a
// part of that number or later.
func (d *Decoder) lookBack(at int64) (start, seq int64, err error) {
	if err := d.seqs.seek(at); err != nil {
		return 0, 0, endOfColumn(err)
	}
	if seq, err = d.seqs.next(); err != nil {
		return 0, 0, endOfColumn(err)
	}
	start, _, err = d.lookBackFrom(at, seq)
	return start, seq, err
}

// lookBackFrom returns the first row, at or before row at, that may hold a part
// of seq or later: rows start less than JoinMaxSeqs before their last part.
func (d *Decoder) lookBackFrom(at, seq int64) (start, rowSeq int64, err error) {
	low := max(0, at-codec.JoinMaxSeqs)
	if err := d.seqs.seek(low); err != nil {
		return 0, 0, endOfColumn(err)
	}
	limit := seq - codec.JoinMaxSeqs
	if limit > seq {
		limit = math.MinInt64
	}
	for start = low; start < at; start++ {
		if rowSeq, err = d.seqs.next(); err != nil {
			return 0, 0, endOfColumn(err)
		}
		if rowSeq > limit {
			break
		}
	}
	return start, rowSeq, nil
}

// eachKey calls yield for the rows from start on, until it returns false.
func (d *Decoder) eachKey(start, end int64, yield func(row, seq int64, parts []join.Part) bool) error {
	if err := d.seqs.seek(start); err != nil {
		return endOfColumn(err)
	}
	if err := d.parts.seek(start); err != nil {
		return endOfColumn(err)
	}
	for row := start; row < end; row++ {
		seq, err := d.seqs.next()
		if err != nil {
			return endOfColumn(err)
		}
		parts, err := d.parts.next()
		if err != nil {
			return endOfColumn(err)
		}
		if !yield(row, seq, parts) {
			return nil
		}
	}
	return nil
}
