package main

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollowPace looks less and less often while nothing comes, and as often as
// at first again once something has.
func TestFollowPace(t *testing.T) {
	s := newShelf(t)
	n := container("web", "web-1", "north")
	s.say(n, at(0, "1"))
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		time.Sleep(time.Until(noon.Add(time.Minute)))
		x := s.follow(time.Now(), "web-1")
		var mu sync.Mutex // what the follower prints is looked at between its polls
		x.f.now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now()
		}
		x.want(x.printed(), "1")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- x.f.follow(ctx, defaultInterval) }()

		const hours = 3
		x.bucket.taken()
		time.Sleep(hours * time.Hour)
		synctest.Wait()
		// Two or three listings a minute, and some forty of each full look; without
		// the pauses it would be twelve times as many.
		lists, gets := x.bucket.taken()
		if lists > hours*(60*3*11/10+6*50) || gets > 0 {
			t.Errorf("%d quiet hours took %d listings and %d reads", hours, lists, gets)
		}
		t.Logf("%d quiet hours took %d listings", hours, lists)
		for i, within := range []time.Duration{maxSlower * defaultInterval, defaultInterval} {
			line := string(rune('a' + i))
			s.say(n, said{time.Now(), line})
			got := ""
			for waited := time.Duration(0); got == "" && waited < within*12/10; waited += time.Second {
				time.Sleep(time.Second)
				synctest.Wait()
				mu.Lock()
				got = x.printed()
				mu.Unlock()
			}
			x.want(got, line)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
