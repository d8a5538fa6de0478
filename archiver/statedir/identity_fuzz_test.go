package statedir // damages and ages files that it alone knows

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/durable"
	"github.com/coldtail/coldtail/codec"
)

// FuzzState reads anything for the two files of a state. It is taken, and can be
// written and read again, or it is refused: what a later version made without
// the advice to remove it. With fix, the first gets the checksum that makes it
// believed.
func FuzzState(f *testing.F) {
	whole, err := state{SpoolID: "00112233445566aa", Created: time.Unix(1_800_000_000, 0).UTC(), BootID: "boot"}.format()
	if err != nil {
		f.Fatal(err)
	}
	text := string(whole)
	for _, other := range []string{
		"", text, text[:20], `{"spool_id":"00112233445566aa","created":"2026-01-01T00:00:00Z","boot_id":"b","new":{"deep":[1]}}`,
		`{"version":2,"spool_id":"x"}`, `{"spool_id":"00112233445566AA"}`, `null`, `{"spool_id":1}`, `{"version":1e9}`,
		`{"spool_id":"00112233445566aa","spool_id":"ffffffffffffffff","created":"2026-01-01T00:00:00Z"}`, "\x1b[2J",
	} {
		f.Add([]byte(text), []byte(other), false)
		f.Add([]byte(other), []byte(text), false)
		f.Add([]byte(other), []byte(other), true)
	}
	f.Fuzz(func(t *testing.T, first, second []byte, fix bool) {
		if fix {
			first = believedState(first)
		}
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, stateFile), first, 0o600))
		check(t, os.WriteFile(filepath.Join(dir, stateCopyFile), second, 0o600))
		log := slog.New(slog.DiscardHandler)
		st, _, err := readState(dir, log)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error quotes the file: %q", err)
			}
			if errors.Is(err, codec.ErrNewer) && strings.Contains(err.Error(), "remove") {
				t.Errorf("advises to remove what is newer: %v", err)
			}
			return
		}
		if !validSpoolID(st.SpoolID) {
			t.Fatalf("spool id %q", st.SpoolID)
		}
		check(t, st.write(dir))
		again, whole, err := readState(dir, log)
		if err != nil || !whole || again.SpoolID != st.SpoolID || !again.Created.Equal(st.Created) || again.BootID != st.BootID {
			t.Fatalf("written as %+v, read as %+v, %v, %v", st, again, whole, err)
		}
	})
}

// believedState gives a JSON object the checksum of a state.
func believedState(b []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return b
	}
	var ms []durable.Member
	for summed := false; dec.More(); {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return b
		}
		if name == "crc32c" && !summed {
			summed = true
			continue
		}
		ms = append(ms, durable.Member{Name: name.(string), Value: value})
	}
	b, err := stateJSON.Encode(struct{}{}, ms...)
	if err != nil {
		return nil
	}
	return b
}
