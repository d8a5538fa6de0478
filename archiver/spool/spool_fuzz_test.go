package spool // inside: see spool_test.go

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

// FuzzSegment opens a log of one segment whose files hold anything, and reads
// it. With fix, the records get the checksums that make them believed.
func FuzzSegment(f *testing.F) {
	cfg := Config{ContainerID: "c", SpoolID: "s", Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	header, err := appendHeader(nil, &Header{ContainerID: cfg.ContainerID, SpoolID: cfg.SpoolID, SegmentSeq: 1, FirstSeq: 100})
	if err != nil {
		f.Fatal(err)
	}
	data := codec.AppendFrame(nil, &codec.Entry{Source: codec.Stdout, Line: []byte("one")})
	data = codec.AppendFrame(data, &codec.Entry{Source: codec.Stderr, Line: []byte("two")})
	half := int64(len(data) / 2)
	var recs []byte
	for _, r := range []Record{
		{kind: kindSource, CRC: 7},
		{kind: kindBatch, Length: half, FirstSeq: 100, Entries: 1},
		{kind: kindBatch, Offset: half, Length: half, FirstSeq: 101, Entries: 1},
	} {
		recs = r.append(recs)
	}
	huge := Record{kind: kindBatch, Length: 1<<32 - 1, FirstSeq: 100, Entries: 1<<32 - 1}.append(nil)
	for state := range uint8(3) {
		f.Add(data, recs, state, true, state == 0)
		f.Add(data, slices.Concat(header, recs), state, false, true)
		f.Add(data, recs[recordLen:], state, true, false)
		f.Add(data[half:], recs[:2*recordLen], state, true, true)
		f.Add(data, huge, state, true, state == 1)
		f.Add(data, append(huge, recs...), state, true, false)
	}
	f.Fuzz(func(t *testing.T, data, idx []byte, state uint8, fix, trust bool) {
		if fix {
			idx = slices.Concat(header, believed(idx, data))
		}
		cfg := cfg
		cfg.Dir, cfg.Trust = filepath.Join(t.TempDir(), "c"), trust
		check(t, os.Mkdir(cfg.Dir, 0o700))
		check(t, os.WriteFile(filepath.Join(cfg.Dir, segmentName(1, []string{extActive, extSealed, extArchived}[state%3])), data, 0o600))
		check(t, os.WriteFile(filepath.Join(cfg.Dir, segmentName(1, extIndex)), idx, 0o600))
		first, _ := reread(t, cfg, len(data)+len(idx))
		second, quarantined := reread(t, cfg, len(data)+len(idx))
		if quarantined != 0 || !slices.Equal(first, second) {
			t.Fatalf("read %d entries at first, then %d; then %d quarantined", len(first), len(second), quarantined)
		}
	})
}

// believed gives the records in b the checksums of their data and their own.
func believed(b, data []byte) []byte {
	b = slices.Clone(b)
	for at := 0; at+recordLen <= len(b); at += recordLen {
		r := b[at : at+recordLen]
		off, n := binary.LittleEndian.Uint64(r[8:]), uint64(binary.LittleEndian.Uint32(r[16:]))
		if off <= uint64(len(data)) && n <= uint64(len(data))-off && r[20] == 0 {
			binary.LittleEndian.PutUint32(r[4:], crc32.Checksum(data[off:off+n], castagnoli))
		}
		binary.LittleEndian.PutUint32(r[recordLen-4:], crc32.Checksum(r[:recordLen-4], castagnoli))
	}
	return b
}

// reread opens a log and reads it all, with bounded memory and in order. It
// returns the numbers of the entries.
func reread(t *testing.T, cfg Config, sizeBytes int) (seqs []int64, quarantined int) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l, quarantined, err := Open(cfg)
	check(t, err)
	defer l.Close()
	c := l.Snapshot().Cursor(0)
	defer c.Close()
	for range sizeBytes + 2 {
		b, err := c.Next(context.Background(), false, nil)
		var bad *codec.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > uint64(4<<20+50*sizeBytes) {
				t.Fatalf("allocated %d bytes to read %d", n, sizeBytes)
			}
			return seqs, quarantined
		case errors.As(err, &bad):
			continue
		}
		check(t, err)
		if n := len(seqs); n > 0 && b.FirstSeq <= seqs[n-1] {
			t.Fatalf("batch of entry %d after %d", b.FirstSeq, seqs[n-1])
		}
		seqs = append(seqs, b.FirstSeq)
	}
	t.Fatal("reading does not end")
	return nil, 0
}
