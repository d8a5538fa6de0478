package plugin

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/coldtail/coldtail/codec"
)

// Bounds of what selects labels and variables. The time to match is that of the
// names' bytes times the expression's states.
const (
	regexMaxBytes  = 4 << 10
	regexMaxStates = 10_000
	matchMax       = 1 << 27
	// matchedMax is how many may match, many times of what is archived.
	matchedMax = 16 * codec.MetaMaxPairs
)

// selection says which labels or variables are archived.
type selection struct {
	names  []string
	re     *regexp.Regexp // nil: none
	states int            // of re
}

// setNames splits as the daemon does for its own drivers: at commas, without
// trimming.
func (s *selection) setNames(v string) string {
	s.names = nil
	if v != "" {
		s.names = strings.Split(v, ",")
	}
	return ""
}

func (s *selection) setRegex(v string) string {
	s.re, s.states = nil, 0
	if v == "" {
		return ""
	}
	if len(v) > regexMaxBytes {
		return fmt.Sprintf("must be a regular expression of at most %d bytes", regexMaxBytes)
	}
	tree, err := syntax.Parse(v, syntax.Perl)
	if err != nil {
		return "must be a regular expression in Go's syntax: " + clip(err.Error())
	}
	if s.states = states(tree); s.states > regexMaxStates {
		return fmt.Sprintf("must be a regular expression with fewer repeats: at most %d states", regexMaxStates)
	}
	if s.re, err = regexp.Compile(v); err != nil {
		return "must be a regular expression in Go's syntax: " + clip(err.Error())
	}
	return ""
}

// states is how large an expression becomes when its repeats are written out.
func states(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n += len(re.Rune)
	case syntax.OpCharClass:
		n += len(re.Rune) / 2
	}
	for _, sub := range re.Sub {
		n = min(n+states(sub), regexMaxStates+1)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return n
}

// of returns the entries of m that are named or match; nil for none. Names are
// matched in their order until that takes too long, or gives too many: the rest is
// unseen.
func (s *selection) of(m map[string]string) (out map[string]string, unseen int) {
	out = map[string]string{}
	for _, k := range s.names {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	if s.re != nil {
		left := matchMax
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if _, named := out[k]; named {
				continue
			}
			if left -= (1 + len(k)) * s.states; left < 0 || len(out) >= matchedMax+len(s.names) {
				unseen++
			} else if s.re.MatchString(k) {
				out[k] = m[k]
			}
		}
	}
	if len(out) == 0 {
		out = nil
	}
	return out, unseen
}
