package encode

import (
	"context"
	"errors"
	"io"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// seqRange is the sequence numbers from first to last, both included.
type seqRange struct{ first, last int64 }

// content is what of a segment is archived: its entries, and gap rows in place of
// those that are damaged or cannot be encoded. Each number of the segment is in one of
// them.
type content struct {
	v *spool.View
	// bad are entries that cannot be encoded, in order.
	bad []seqRange
	// refused are those that the encoder named last.
	refused []seqRange
	// lost is how many entries gap rows stand for, as hours found.
	lost int64
}

// each calls f for every entry and gap row, in order. What was damaged is
// returned in corrupt.
func (c *content) each(f func(*codec.Entry) error) (corrupt []error, err error) {
	w := &walk{f: f, next: c.v.Header.FirstSeq, arrival: c.v.Header.CreatedNano, bad: c.bad}
	cur := c.v.Cursor()
	defer cur.Close()
	for {
		b, err := cur.Next(context.Background(), false, nil)
		var bad *codec.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			if c.v.Header.Gap != nil {
				return corrupt, nil
			}
			return corrupt, errors.Join(w.damaged(c.v.LastSeq+1), w.gap())
		case errors.As(err, &bad):
			corrupt = append(corrupt, err) // the cursor goes on after it
			err = w.damaged(cur.Seq())
		case err == nil:
			err = w.batch(b, cur.Seq(), &corrupt)
		}
		if err != nil {
			return corrupt, err
		}
	}
}

// walk is one way through a segment.
type walk struct {
	f       func(*codec.Entry) error
	next    int64 // the number of the entry that is expected
	arrival int64 // of the batch that it is in
	bad     []seqRange
	missing codec.Gap // before next; of no entries where none is missing
	arrived int64     // when these did
	e       codec.Entry
}

// batch passes on the entries of a batch, which ends before number to.
func (w *walk) batch(b spool.Batch, to int64, corrupt *[]error) error {
	if err := w.damaged(b.FirstSeq); err != nil {
		return err
	}
	w.arrival = b.ArrivalNano
	for rest := b.Frames; len(rest) > 0; {
		n, err := codec.ParseFrame(rest, &w.e)
		if err != nil { // the checksum holds: it was written like this
			*corrupt = append(*corrupt, &codec.CorruptError{What: "spooled frame", Offset: -1, Err: err})
			return w.damaged(to)
		}
		rest = rest[n:]
		if err := w.entry(); err != nil {
			return err
		}
	}
	return nil
}

// entry passes on one entry, unless it is a bad one.
func (w *walk) entry() error {
	if len(w.bad) > 0 && w.next > w.bad[0].last {
		w.bad = w.bad[1:]
	}
	if len(w.bad) > 0 && w.next >= w.bad[0].first {
		// The gap is filed under the entry's hour: the other chunks stay the same.
		return w.miss(w.next+1, w.e.TimeNano, ReasonEncode)
	}
	if err := w.gap(); err != nil {
		return err
	}
	w.e.Seq, w.e.ArrivalNano = w.next, w.arrival
	w.next++
	return w.f(&w.e)
}

// damaged notes that the entries before number to cannot be read. Their times are
// unknown, but for their arrival.
func (w *walk) damaged(to int64) error { return w.miss(to, w.arrival, ReasonDamaged) }

// miss notes that the entries before number to, of that time, get no row.
func (w *walk) miss(to, nano int64, reason string) error {
	if to <= w.next {
		return nil
	}
	g := &w.missing
	if g.Entries > 0 && (g.Reason != reason || !key.Hour(g.LastNano, w.arrived).Equal(key.Hour(nano, w.arrival))) {
		if err := w.gap(); err != nil {
			return err
		}
	}
	if g.Entries == 0 {
		*g = codec.Gap{FirstNano: nano, LastNano: nano, Reason: reason}
		w.arrived = w.arrival
	}
	g.Entries += to - w.next
	g.FirstNano, g.LastNano = min(g.FirstNano, nano), max(g.LastNano, nano)
	w.next = to
	return nil
}

// gap passes on the gap row of what is missing.
func (w *walk) gap() error {
	if w.missing.Entries == 0 {
		return nil
	}
	g := w.missing
	w.missing = codec.Gap{}
	return w.f(&codec.Entry{
		Seq: w.next - g.Entries, TimeNano: g.LastNano, ArrivalNano: w.arrived, Source: codec.GapSource, Line: g.Line(),
	})
}
