package main

import (
	"slices"
	"sort"
)

// seqSet is a set of sequence numbers, which mostly follow each other.
type seqSet struct {
	runs []seqRun // in order, none touches the next
}

type seqRun struct{ first, last int64 }

// maxRuns bounds a set that lost entries made holes in: the oldest holes close.
const maxRuns = 4096

func (s *seqSet) add(n int64) {
	i := s.at(n - 1)
	switch {
	case i == len(s.runs) || n < s.runs[i].first-1:
		s.runs = slices.Insert(s.runs, i, seqRun{n, n})
	case n == s.runs[i].first-1:
		s.runs[i].first = n
	case n == s.runs[i].last+1:
		s.runs[i].last = n
		if i+1 < len(s.runs) && s.runs[i+1].first == n+1 {
			s.runs[i].last = s.runs[i+1].last
			s.runs = slices.Delete(s.runs, i+1, i+2)
		}
	}
	if len(s.runs) > maxRuns {
		s.runs[1].first = s.runs[0].first
		s.runs = slices.Delete(s.runs, 0, 1)
	}
}

// at returns the index of the first run that ends at n or later.
func (s *seqSet) at(n int64) int {
	return sort.Search(len(s.runs), func(i int) bool { return s.runs[i].last >= n })
}

func (s *seqSet) has(n int64) bool {
	i := s.at(n)
	return i < len(s.runs) && s.runs[i].first <= n
}

// count returns how many numbers from first to last are in the set.
func (s *seqSet) count(first, last int64) (n int64) {
	for _, r := range s.runs[s.at(first):] {
		if r.first > last {
			break
		}
		n += min(last, r.last) - max(first, r.first) + 1
	}
	return n
}
