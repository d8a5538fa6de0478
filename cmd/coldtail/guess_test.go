package main

import (
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec/key"
)

// TestHexWords: a word that is the start of an id by chance is not taken for it
// without a word.
func TestHexWords(t *testing.T) {
	s := newShelf(t)
	n := key.Name{Service: "pay", Name: "payments", Host: "north", ContainerID: "cafe" + strings.Repeat("0", 60)}
	called := key.Name{Service: "db", Name: "feed", Host: "south", ContainerID: "feed" + strings.Repeat("1", 60)}
	s.say(n, at(0, "a"))
	s.say(called, at(1, "b"))
	const told = "coldtail: no container is called \"cafe\": it is the start of the id cafe00000000, payments of host north\n"
	s.logs("cafe").want(t, "a\n", told)
	s.logs("CAFE").want(t, "a\n", strings.Replace(told, "cafe", "CAFE", 1))
	s.logs("--host", "north", "cafe").want(t, "a\n", told)
	s.logs("cafe", "feed").want(t, "payments  | a\nfeed      | b\n", told)
	s.run("ls", "-q", "--name", "cafe").want(t, "cafe00000000\n", told)
	if res := s.run("verify", "cafe"); res.status != exitOK || res.stderr != told {
		t.Errorf("%+v", res)
	}
	// A name, a short id and a whole one are what they are.
	s.logs("feed").want(t, "b\n", "")
	s.logs("cafe0000").want(t, "a\n", "")
	s.logs("cafe00000000").want(t, "a\n", "")
	s.logs(n.ContainerID).want(t, "a\n", "")
	if res := s.logs("beef"); res.status != exitFailure || !strings.Contains(res.stderr, "no log of") {
		t.Errorf("%+v", res)
	}
}
