package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
)

// fifoDir is where the daemon makes a plugin's FIFOs. They outlive an upgrade,
// with the containers that write to them, because the mount is there; the state
// is in the mount too, by a link in the root file system.
const fifoDir = "/run/docker/logging"

type mount struct {
	Name, Description, Source, Destination, Type string
	Options, Settable                            []string
}

// secrets is where files come from that are not to be shown by docker plugin
// inspect. A directory, and not a file, since files are renewed by renaming
// others. Its source has to be on every host, and should hold nothing: /sys/dev
// has the numbers of devices, which the plugin sees in its own /sys too. An empty
// one would be containerd's folder with the plugin's environment in it (Docker
// 20.10).
var secrets = mount{
	Name: "secrets", Description: "directory of COLDTAIL_CREDENTIALS_FILE and COLDTAIL_CA_FILE, below /etc/coldtail in the plugin",
	Source: "/sys/dev", Destination: "/etc/coldtail", Type: "bind",
	Options: []string{"rbind", "ro"}, Settable: []string{"source"},
}

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
		Mounts  []mount
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
	if d := cmp.Diff([]mount{secrets}, cfg.Mounts); d != "" {
		t.Error(d)
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
	want := Settings()
	for _, o := range bucketurl.Options() {
		want = append(want, Setting{o.Env(), "option " + o.Name + " of the bucket: " + o.Description + "; " + o.Values})
	}
	if d := cmp.Diff(append(want, sdkSettings()...), got); d != "" {
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
