package s3http

import (
	"crypto/md5" //nolint:gosec // what Content-MD5 is
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
)

// SumKind is a checksum of content. There is always one: a store may keep what
// arrived of an upload whose connection broke, as VersityGW does over TLS, and
// then says of the rest that it is there already.
type SumKind int

// The kinds. MD5 is known to every store, and CRC32C to newer ones.
const (
	SumMD5 SumKind = iota
	SumCRC32C
)

// Sum is a checksum as headers carry it, in base64. One is set.
type Sum struct {
	MD5    string // Content-MD5
	CRC32C string // x-amz-checksum-crc32c
}

// sum reads content from its start, and leaves it there.
func (k SumKind) sum(content *io.SectionReader) (Sum, error) {
	h := md5.New() //nolint:gosec // as above
	if k == SumCRC32C {
		h = crc32.New(crc32.MakeTable(crc32.Castagnoli))
	}
	if _, err := io.Copy(h, content); err != nil {
		return Sum{}, fmt.Errorf("sum content: %w", err)
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return Sum{}, fmt.Errorf("sum content: %w", err)
	}
	s := base64.StdEncoding.EncodeToString(h.Sum(nil))
	if k == SumCRC32C {
		return Sum{CRC32C: s}, nil
	}
	return Sum{MD5: s}, nil
}
