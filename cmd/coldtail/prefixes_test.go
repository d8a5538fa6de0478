package main

import (
	"bytes"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
)

// TestPrefixes prints as docker compose logs does: its widths, its colours in
// its order, and only where they are wanted.
func TestPrefixes(t *testing.T) {
	var out, err bytes.Buffer
	w := newLineWriter(&out, &err, false)
	w.prefixes = newPrefixes(true, false)
	a, b := &target{label: "a"}, &target{label: "long"}
	line := func(to *target, source, text string) {
		t.Helper()
		if err := w.print(to, &logLine{Entry: codec.Entry{Source: source, Line: []byte(text)}}); err != nil {
			t.Fatal(err)
		}
	}
	w.prefixes.add("a")
	line(a, codec.Stdout, "1")
	w.prefixes.add("long")
	w.prefixes.add("a")
	line(b, codec.Stdout, "2")
	line(a, codec.Stdout, "3")
	line(b, codec.Stderr, "4")
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[36ma  | \x1b[0m1\n\x1b[33mlong  | \x1b[0m2\n\x1b[36ma     | \x1b[0m3\n"
	if out.String() != want || err.String() != "long  | 4\n" {
		t.Errorf("got %q and %q, want %q", out.String(), err.String(), want)
	}
}

func TestLabels(t *testing.T) {
	var got []string
	targets := []*target{
		{Name: key.Name{Name: "web", Host: "h1"}},
		{Name: key.Name{Name: "db", Host: "h1"}},
		{Name: key.Name{Name: "web", Host: "h2"}},
		{Name: key.Name{Name: "x\x1b[2J", Host: "h2"}},
		{Name: key.Name{ContainerID: "0123456789abcdef"}},
	}
	setLabels(targets)
	for _, x := range targets {
		got = append(got, x.label)
	}
	for i, want := range []string{"web@h1", "db", "web@h2", `"x\x1b[2J"`, "0123456789ab"} {
		if got[i] != want {
			t.Errorf("got %q, want %q", got[i], want)
		}
	}
}
