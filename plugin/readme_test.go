package plugin_test

import (
	"os"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/plugin"
)

// TestReadmeHasEveryOption looks for each log-opt and each variable of the plugin
// in the README's tables.
func TestReadmeHasEveryOption(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(b)
	for _, name := range plugin.OptionNames() {
		if strings.HasPrefix(name, "cache-") {
			name = "cache-*"
		}
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("the README does not list the log-opt %s", name)
		}
	}
	for _, name := range []string{plugin.EnvBucket, plugin.EnvState, plugin.EnvSpool, plugin.EnvCache, plugin.EnvLogLevel} {
		if !strings.Contains(readme, "| `"+name+"` |") {
			t.Errorf("the README does not list %s", name)
		}
	}
}
