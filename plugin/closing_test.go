package plugin

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
)

// TestShutdownIsNoEnd: a reader that is stopped with the plugin learns that its
// log goes on, and the daemon gets an error, where both would take a plain end
// for the log's.
func TestShutdownIsNoEnd(t *testing.T) {
	p := startProcess(t, t.TempDir(), DriverConfig{}, nil)
	f := fifotest.New(t)
	p.ok("/LogDriver.StartLogging", startRequest{f.Name(), testInfo()})
	f.Print("one")
	resp, err := p.client.Post("http://plugin/LogDriver.ReadLogs", "", strings.NewReader(`{"Info":{"ContainerID":"`+testInfo().ContainerID+`"},"Config":{"Tail":-1,"Follow":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	follower := resp.Body
	defer follower.Close()
	// The follower has begun when the first frame is there.
	size := make([]byte, frameLengthBytes)
	if _, err := io.ReadFull(follower, size); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, follower, int64(binary.BigEndian.Uint32(size))); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); p.stop() }()
	rest, err := io.ReadAll(follower)
	<-ended
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	entries, rest := fifotest.Split(rest)
	for _, e := range entries {
		if e.Source == codec.Stdout || e.Source == codec.Stderr {
			said += e.Source + ": " + string(e.Line)
		}
	}
	if want := "stderr: coldtail: " + errClosing.Error() + "\n"; said != want || len(rest) == 0 || len(rest) >= frameLengthBytes {
		t.Errorf("got %q, want %q, and then %d bytes of a frame", said, want, len(rest))
	}
}
