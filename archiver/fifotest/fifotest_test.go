package fifotest_test

import (
	"io"
	"os"
	"testing"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
)

// TestWhatIsWrittenIsReadBack: entries come out of the FIFO as they went in, and
// a frame that is cut is left over.
func TestWhatIsWrittenIsReadBack(t *testing.T) {
	f := fifotest.New(t)
	f.Print("one", "")
	f.Log(codec.Entry{Source: codec.Stderr, TimeNano: 7, Line: []byte("two")})
	half := fifotest.Frame("half")[:9]
	f.Send(half)
	if f.Drained() {
		t.Error("drained before it is read")
	}
	b := make([]byte, 1<<10)
	n, err := f.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Drained() {
		t.Error("not drained after it is read")
	}
	got, rest := fifotest.Split(b[:n])
	if len(got) != 3 || string(rest) != string(half) {
		t.Fatalf("%d entries, %q left", len(got), rest)
	}
	if e := got[0]; e.Source != codec.Stdout || e.TimeNano == 0 || string(e.Line) != "one" {
		t.Errorf("first: %+v", e)
	}
	if e := got[2]; e.Source != codec.Stderr || e.TimeNano != 7 || string(e.Line) != "two" {
		t.Errorf("third: %+v", e)
	}
}

// TestEndsWithClose: the reader gets all that was written, and an EOF after the
// daemon has closed its end.
func TestEndsWithClose(t *testing.T) {
	f := fifotest.New(t)
	r, err := os.Open(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f.Print("last")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := fifotest.Entries(t, b); len(got) != 1 || string(got[0].Line) != "last" {
		t.Errorf("read %+v", got)
	}
}
