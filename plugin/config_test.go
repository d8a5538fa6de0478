package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fifoDir is where the daemon makes a plugin's FIFOs. They outlive an upgrade,
// with the containers that write to them, because the mount is there; the state
// is in the mount too, by a link in the root file system.
const fifoDir = "/run/docker/logging"

// TestConfigListsEverySetting keeps config.json in step with what is heeded. A
// variable that is not listed there cannot be set on a managed plugin.
func TestConfigListsEverySetting(t *testing.T) {
	b, err := os.ReadFile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	var cfg struct {
		Description, Documentation, Workdir, PropagatedMount string
		Entrypoint                                           []string
		Interface                                            struct {
			Types  []string
			Socket string
		}
		Network struct{ Type string }
		Env     []struct {
			Name, Description, Value string
			Settable                 []string
		}
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&cfg); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(cfg.Interface.Types, []string{"docker.logdriver/1.0"}) || cfg.Interface.Socket != "coldtail.sock" ||
		cfg.Network.Type != "host" || cfg.PropagatedMount != fifoDir || !slices.Equal(cfg.Entrypoint, []string{"/coldtail", "plugin"}) {
		t.Errorf("config: %+v", cfg)
	}
	var got []Setting
	for _, e := range cfg.Env {
		got = append(got, Setting{e.Name, e.Description})
		// An upgrade keeps an old value and adds no new one, so that defaults
		// live in code; and what has none cannot be set.
		if e.Value != "" || !slices.Equal(e.Settable, []string{"value"}) {
			t.Errorf("%s: value %q, settable %v", e.Name, e.Value, e.Settable)
		}
	}
	if d := cmp.Diff(append(Settings(), SDKSettings()...), got); d != "" {
		t.Error(d)
	}
}

func TestEveryOptionIsDescribed(t *testing.T) {
	for _, s := range Settings() {
		if bytes.HasSuffix([]byte(s.Description), []byte(": ")) {
			t.Errorf("%s has no description", s.Env)
		}
	}
}
