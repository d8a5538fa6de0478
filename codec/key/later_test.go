package key

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
)

// laterKeys are names that a later version may give, by what is new about them.
func laterKeys() map[string]string { return keysOf("testdata/later.txt") }

// foreignKeys are names that no version gives.
func foreignKeys() map[string]string { return keysOf("testdata/foreign.txt") }

// keysOf reads lines of a description, a tab and a key.
func keysOf(file string) map[string]string {
	raw, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	keys := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		what, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		keys[what] = key
	}
	return keys
}

func parseAny(key string) error {
	switch {
	case strings.HasPrefix(key, daysPrefix):
		_, err := ParseDay(key)
		return err
	case strings.HasPrefix(key, namePrefix):
		_, err := ParseName(key)
		return err
	}
	_, err := Parse(key)
	return err
}

func TestKeysOfLaterVersions(t *testing.T) {
	if len(laterKeys()) != 13 || len(foreignKeys()) != 12 {
		t.Fatalf("%d and %d keys in testdata", len(laterKeys()), len(foreignKeys()))
	}
	for name, key := range laterKeys() {
		if err := parseAny(key); !errors.Is(err, codec.ErrNewer) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %q: %v", name, key, err)
		}
	}
	for name, key := range foreignKeys() {
		if err := parseAny(key); err == nil || errors.Is(err, codec.ErrNewer) {
			t.Errorf("%s: %q: %v", name, key, err)
		}
	}
	for range 500 {
		key := randomMeta().Key()
		if _, ok := OfLaterVersion(key); ok {
			t.Errorf("%q is of this version", key)
		}
	}
}
