package main

import (
	"context"
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
		x.f.now = time.Now
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
			time.Sleep(within * 12 / 10)
			synctest.Wait()
			x.want(x.printed(), line)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
