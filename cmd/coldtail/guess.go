package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// mayBeWord reports whether the start of an id may be meant as a name, such as
// db, cafe, 98 or deadbeef.
func mayBeWord(name string) bool { return len(name) < 8 || !strings.ContainsAny(name, "0123456789") }

// guesses says of each short name that no container bore which container was
// taken for it.
func guesses(names []string, found []key.Name) (lines []string) {
	for _, name := range names {
		bears := func(n key.Name) bool { return n.Name == asMarker(name) }
		starts := func(n key.Name) bool { return strings.HasPrefix(n.ContainerID, strings.ToLower(name)) }
		i := slices.IndexFunc(found, starts)
		if !mayBeWord(name) || i < 0 || slices.ContainsFunc(found, bears) {
			continue
		}
		n, called := found[i], ""
		if n.Name != "" {
			called = ", " + codec.Printable(n.Name)
		}
		if n.Host != "" {
			called += " of host " + codec.Printable(n.Host)
		}
		lines = append(lines, fmt.Sprintf("no container is called %q: it is the start of the id %.12s%s", name, n.ContainerID, called))
	}
	return lines
}

// tellGuesses prints them.
func tellGuesses(to io.Writer, wait *spinner, names []string, found []key.Name) {
	lines := guesses(names, found)
	if len(lines) > 0 {
		wait.stop()
	}
	for _, line := range lines {
		_, _ = fmt.Fprintf(to, "coldtail: %s\n", line)
	}
}

func namesOf(targets []*target) (names []key.Name) {
	for _, t := range targets {
		names = append(names, t.Name)
	}
	return names
}
