package parquet

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// Parquet's RLE/bit-packing hybrid, for levels and dictionary indexes:
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
//
// The library's decoder allocates what a run's header claims; the reader here
// keeps to one run, whatever the bytes say.

var errLevels = errors.New("levels or indexes end early")

// A runWriter writes values as runs only: the columns that need it are nearly
// constant, and if they are not, compression makes up for it.
type runWriter struct {
	buf   []byte
	width int // bits a value
	val   uint32
	n     int
}

func (w *runWriter) reset(width int) {
	w.buf, w.width, w.n = w.buf[:0], width, 0
}

// add appends n times v.
func (w *runWriter) add(v uint32, n int) {
	if v != w.val {
		w.flush()
		w.val = v
	}
	w.n += n
}

func (w *runWriter) flush() {
	if w.n > 0 {
		w.buf = appendRun(w.buf, w.val, w.n, w.width)
		w.n = 0
	}
}

// appendRun appends a run of n times v, in whole bytes of width bits.
func appendRun(dst []byte, v uint32, n, width int) []byte {
	dst = binary.AppendUvarint(dst, uint64(n)<<1)
	for ; width > 0; width -= 8 {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// appendPacked appends the bit-packed values of src, which are of width bits
// and a multiple of 8 in number, without the header.
func appendPacked(dst []byte, src []uint32, width int) []byte {
	var acc uint64
	n := 0
	for _, v := range src {
		acc |= uint64(v) << n
		for n += width; n >= 8; n -= 8 {
			dst = append(dst, byte(acc))
			acc >>= 8
		}
	}
	return dst
}

// indexWidth is the bit width of indexes into a dictionary of n values. It is
// never zero, which some readers take badly.
func indexWidth(n int) int {
	return max(1, bits.Len(uint(max(n, 1)-1)))
}

// A runReader reads what is left in b value by value.
type runReader struct {
	b      []byte
	width  uint // bits a value, at most 32
	val    uint32
	n      int // how many more times val comes
	packed int // bit-packed values left, after val
	pos    uint
}

func (r *runReader) reset(b []byte, width int) {
	*r = runReader{b: b, width: uint(width)}
}

// next returns the next value.
func (r *runReader) next() (uint32, error) {
	if r.n == 0 {
		if err := r.load(); err != nil {
			return 0, err
		}
	}
	r.n--
	return r.val, nil
}

// peek returns the next value, and how many times it certainly comes.
func (r *runReader) peek() (uint32, int, error) {
	if r.n == 0 {
		if err := r.load(); err != nil {
			return 0, 0, err
		}
	}
	return r.val, r.n, nil
}

// peekMore returns the next value. More reports whether there is one: it is no
// error here that nothing is left.
func (r *runReader) peekMore() (v uint32, more bool, err error) {
	v, _, err = r.peek()
	if err != nil && len(r.b) == 0 {
		return 0, false, nil
	}
	return v, err == nil, err
}

func (r *runReader) load() error {
	for {
		if r.packed > 0 {
			r.unpack()
			return nil
		}
		r.b, r.pos = r.b[(r.pos+7)/8:], 0
		h, k := binary.Uvarint(r.b)
		if k <= 0 || h>>1 > 1<<30 {
			return errLevels
		}
		r.b = r.b[k:]
		if h&1 == 1 {
			values := int(h>>1) * 8
			if uint64(values)*uint64(r.width) > uint64(len(r.b))*8 {
				return errLevels
			}
			r.packed = values
			continue
		}
		size := int(r.width+7) / 8
		if len(r.b) < size {
			return errLevels
		}
		r.val = 0
		for i := range size {
			r.val |= uint32(r.b[i]) << (8 * i)
		}
		r.b = r.b[size:]
		if r.n = int(h >> 1); r.n > 0 {
			return nil
		}
	}
}

// unpack takes one bit-packed value; load has seen that it is there.
func (r *runReader) unpack() {
	var v uint64
	i := r.pos / 8
	for k := uint(0); k < 5 && int(i+k) < len(r.b); k++ {
		v |= uint64(r.b[i+k]) << (8 * k)
	}
	r.val = uint32(v >> (r.pos % 8) & (1<<r.width - 1))
	r.pos += r.width
	r.packed--
	r.n = 1
}

// skip passes over n values and returns the sum of them: for definition levels
// of width 1, how many values are stored.
func (r *runReader) skip(n int) (sum int, err error) {
	for n > 0 {
		v, k, err := r.peek()
		if err != nil {
			return 0, err
		}
		k = min(k, n)
		r.n -= k
		n -= k
		sum += int(v) * k
	}
	return sum, nil
}

// appendPackedHeader starts a bit-packed run of groups times 8 values.
func appendPackedHeader(dst []byte, groups int) []byte {
	return binary.AppendUvarint(dst, uint64(groups)<<1|1)
}
