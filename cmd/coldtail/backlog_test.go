package main

import (
	"testing"

	"github.com/coldtail/coldtail/archiver"
)

// TestBacklogOptions: what was left without options has those that the settings
// give a container; if they are wrong, nothing is dropped.
func TestBacklogOptions(t *testing.T) {
	got := backlogOptions(map[string]string{"max-spool": "20g", "overflow": "drop-new"})
	if got.SpoolBytes != 20<<30 || got.Overflow != archiver.DropNew {
		t.Errorf("got %+v", got)
	}
	for _, wrong := range []map[string]string{{"max-spool": "20gigs"}, {"no-such": "x"}} {
		if got := backlogOptions(wrong); got.Overflow != archiver.Block {
			t.Errorf("%v: got %+v", wrong, got)
		}
	}
}
