package plugin

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coldtail/coldtail/archiver/fifotest"
	"github.com/coldtail/coldtail/codec"
)

// TestBeat: a follower of a silent container gets an entry now and then that
// nobody prints, one of a busy container does not, and it ends when its client
// does not take them.
func TestBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := httptest.NewRecorder()
		broken := false
		fw := &frameWriter{w: rec, flush: func() error {
			if broken {
				return errors.New("broken pipe")
			}
			return nil
		}}
		gone := false
		ctx, cancel := context.WithCancel(t.Context())
		quiet := fw.beat(ctx, func() { gone = true; cancel() })
		defer quiet()

		sent := func() (shown, unseen int) {
			synctest.Wait()
			fw.mu.Lock()
			defer fw.mu.Unlock()
			defer rec.Body.Reset()
			return split(t, rec.Body.Bytes())
		}
		time.Sleep(5*beatTime + beatTime/2)
		shown, unseen := sent()
		if shown != 0 || unseen != 5 {
			t.Errorf("a silent follower got %d entries to show and %d others, want 0 and 5", shown, unseen)
		}
		for range 10 {
			e := entry(1, codec.Stdout, "x")
			fw.add(&e.e)
			if err := fw.send(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(beatTime)
		}
		if shown, unseen = sent(); shown != 10 || unseen != 0 {
			t.Errorf("a busy follower got %d entries to show and %d others, want 10 and 0", shown, unseen)
		}
		fw.mu.Lock()
		broken = true
		fw.mu.Unlock()
		time.Sleep(2 * beatTime)
		synctest.Wait()
		if !gone {
			t.Error("nobody was told that the client is gone")
		}
	})
}

// split counts the frames that docker logs prints, and the others.
func split(t *testing.T, b []byte) (shown, unseen int) {
	t.Helper()
	for _, e := range fifotest.Entries(t, b) {
		if e.Source == codec.Stdout || e.Source == codec.Stderr {
			shown++
		} else {
			unseen++
		}
	}
	return shown, unseen
}
