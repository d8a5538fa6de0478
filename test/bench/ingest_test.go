// Package bench holds the benchmarks that need a peer which the product must
// not depend on.
package bench

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/daemon/logger"
	"golang.org/x/sys/unix"

	"github.com/coldtail/coldtail/archiver/spool"
	"github.com/coldtail/coldtail/codec"
)

// line is as long as a usual JSON log line.
var line = bytes.Repeat([]byte("x"), 165)

// BenchmarkIngest puts an entry's way from the pipe into the spool, decoded,
// numbered and checksummed, beside moby's ring logger, which hands an entry
// from one goroutine to another in memory, and beside what the kernel alone
// takes to move the same bytes from the pipe into a file.
func BenchmarkIngest(b *testing.B) {
	per := map[string]float64{}
	run := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f(b)
			per[name] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
		})
	}
	run("peer=ring", ring)
	run("peer=splice", func(b *testing.B) { fill(b, newSplicer(b).fill) })
	run("spool", func(b *testing.B) {
		l := newLog(b)
		fill(b, func(b *testing.B, fd int) {
			for {
				f, err := l.Fill(fd, "fifo")
				if err != nil {
					b.Fatal(err)
				}
				if f.ActiveBytes > 64<<20 {
					l.Roll()
				}
				if f.Bytes == 0 {
					return
				}
			}
		})
		if per["peer=ring"] > 0 {
			ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(ns/per["peer=ring"], "x-ring")
			b.ReportMetric(ns/per["peer=splice"], "x-splice")
		}
	})
}

// receiver is a logger that takes everything and does nothing.
type receiver struct{ n atomic.Int64 }

func (r *receiver) Log(m *logger.Message) error {
	r.n.Add(1)
	logger.PutMessage(m)
	return nil
}
func (*receiver) Name() string { return "receiver" }
func (*receiver) Close() error { return nil }

func ring(b *testing.B) {
	r := &receiver{}
	l := logger.NewRingLogger(r, logger.Info{}, 1<<30)
	now := time.Now()
	b.ResetTimer()
	for range b.N {
		m := logger.NewMessage()
		m.Source, m.Timestamp = codec.Stdout, now
		m.Line = append(m.Line, line...)
		if err := l.Log(m); err != nil {
			b.Fatal(err)
		}
	}
	for r.n.Load() < int64(b.N) {
		time.Sleep(10 * time.Microsecond)
	}
	b.StopTimer()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// fill calls f with a full pipe until it has taken b.N entries. The writer's
// time does not count.
func fill(b *testing.B, f func(b *testing.B, fd int)) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		b.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	if _, err := unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, 1<<20); err != nil {
		b.Fatal(err)
	}
	frame := codec.AppendFrame(nil, &codec.Entry{Source: codec.Stdout, TimeNano: time.Now().UnixNano(), Line: line})
	most := (1 << 20) / (len(frame) + 32)
	full := bytes.Repeat(frame, most)
	b.SetBytes(int64(len(frame)))
	b.ResetTimer()
	for done := 0; done < b.N; {
		n := min(most, b.N-done)
		b.StopTimer()
		if _, err := unix.Write(p[1], full[:n*len(frame)]); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		f(b, p[0])
		done += n
	}
}

func newLog(b *testing.B) *spool.Log {
	l, _, err := spool.Open(spool.Config{
		Dir: filepath.Join(b.TempDir(), "c"), ContainerID: "c", SpoolID: "s",
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

// splicer is the physical limit: the pipe's bytes to files of 64 MiB, no more.
type splicer struct {
	dir string
	fd  int
	off int64
}

func newSplicer(b *testing.B) *splicer {
	s := &splicer{dir: b.TempDir(), fd: -1}
	b.Cleanup(func() { unix.Close(s.fd) })
	return s
}

func (s *splicer) fill(b *testing.B, fd int) {
	for {
		if s.fd < 0 || s.off > 64<<20 {
			if s.fd >= 0 {
				unix.Close(s.fd)
			}
			var err error
			if s.fd, err = unix.Open(filepath.Join(s.dir, time.Now().Format("150405.000000000")), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600); err != nil {
				b.Fatal(err)
			}
			s.off = 0
		}
		n, err := unix.Splice(fd, nil, s.fd, &s.off, 256<<10, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		if n <= 0 || err != nil {
			return
		}
	}
}
