package spool_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// BenchmarkCursor reads a segment from the page cache.
func BenchmarkCursor(b *testing.B) {
	const entries = 200_000
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		b.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	l, _, err := spool.Open(spool.Config{Dir: filepath.Join(b.TempDir(), "c"), ContainerID: "c", SpoolID: "s", Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	frame := codec.AppendFrame(nil, &codec.Entry{Source: codec.Stdout, TimeNano: time.Now().UnixNano(), Line: bytes.Repeat([]byte("x"), 165)})
	batch := bytes.Repeat(frame, 100)
	for range entries / 100 {
		if _, err := unix.Write(p[1], batch); err != nil {
			b.Fatal(err)
		}
		if _, err := l.Fill(p[0], "fifo"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		sn := l.Snapshot()
		c := sn.Cursor(0)
		n := 0
		var e codec.Entry
		for {
			batch, err := c.Next(context.Background(), false, nil)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			for f := batch.Frames; len(f) > 0; n++ {
				k, err := codec.ParseFrame(f, &e)
				if err != nil {
					b.Fatal(err)
				}
				f = f[k:]
			}
		}
		if n != entries {
			b.Fatalf("%d entries", n)
		}
		c.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
}
