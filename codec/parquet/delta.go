package parquet

import (
	"encoding/binary"
	"errors"

	"github.com/parquet-go/parquet-go/encoding/delta"
)

var errDelta = errors.New("malformed delta encoding")

// decodeDelta decodes exactly n DELTA_BINARY_PACKED values into dst's memory.
func decodeDelta(dst []int64, b []byte, n int) ([]int64, error) {
	if !deltaFits(b, n) {
		return nil, errDelta
	}
	var enc delta.BinaryPackedEncoding
	v, err := enc.DecodeInt64(dst, b)
	if err != nil {
		return nil, err
	}
	if len(v) != n {
		return nil, errDelta
	}
	return v, nil
}

// deltaFits walks the structure of a delta encoding. The library decodes with
// assembly, allocates what the header claims and takes any bit width, so
// nothing reaches it that has not been walked.
func deltaFits(b []byte, n int) bool {
	blockSize, b, ok1 := takeVarint(b)
	minis, b, ok2 := takeVarint(b)
	total, b, ok3 := takeVarint(b)
	_, b, ok4 := takeVarint(b) // the first value
	if !ok1 || !ok2 || !ok3 || !ok4 || total != uint64(n) {
		return false
	}
	if blockSize == 0 || blockSize > 1<<16 || blockSize%128 != 0 ||
		minis == 0 || blockSize%minis != 0 || blockSize/minis%32 != 0 {
		return false
	}
	perMini := int(blockSize / minis)
	for left := n - 1; left > 0; {
		_, k := binary.Uvarint(b) // the smallest delta
		if k <= 0 || len(b)-k < int(minis) {
			return false
		}
		widths := b[k : k+int(minis)]
		b = b[k+int(minis):]
		for _, w := range widths {
			size := perMini * int(w) / 8
			if left <= 0 {
				break
			}
			if w > 64 || size > len(b) {
				return false
			}
			b = b[size:]
			left -= perMini
		}
	}
	return true
}

func takeVarint(b []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}
