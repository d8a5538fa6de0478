package main

import (
	"math/rand/v2"
	"testing"
)

func TestSeqSet(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var s seqSet
		model := map[int64]bool{}
		for range 60 {
			n := rnd.Int64N(60) + 1
			s.add(n)
			model[n] = true
			for i, r := range s.runs {
				if r.first > r.last || i > 0 && s.runs[i-1].last+1 >= r.first {
					t.Fatalf("runs %v", s.runs)
				}
			}
		}
		lo, hi := rnd.Int64N(30), 30+rnd.Int64N(40)
		var count int64
		for n := range int64(70) {
			if s.has(n) != model[n] {
				t.Fatalf("has(%d) is %v: %v", n, s.has(n), s.runs)
			}
			if model[n] && lo <= n && n <= hi {
				count++
			}
		}
		if got := s.count(lo, hi); got != count {
			t.Fatalf("%d between %d and %d, want %d: %v", got, lo, hi, count, s.runs)
		}
	}
	var s seqSet
	for n := range int64(3 * maxRuns) {
		s.add(2 * n)
	}
	if len(s.runs) > maxRuns || !s.has(2*(3*maxRuns-1)) || !s.has(1) {
		t.Errorf("%d runs", len(s.runs))
	}
}
