package plugin

import (
	"fmt"
	"strings"
)

// unknownReason says what is known, and which of it may have been meant. show
// writes a name as the user would.
func unknownReason(name string, show func(string) string, known []string) string {
	shown := make([]string, len(known))
	for i, k := range known {
		shown[i] = show(k)
	}
	hint := ""
	if near := nearest(name, known); near != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", show(near))
	}
	return fmt.Sprintf("there is no such option%s; coldtail knows %s", hint, strings.Join(shown, ", "))
}

// nearest returns the known name that is at most two edits from name, "" where
// none is.
func nearest(name string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// editDistance is Levenshtein's, capped for names that cannot be near anyway.
func editDistance(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			above := row[j]
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above+1, row[j-1]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
