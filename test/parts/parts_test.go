package parts

import "testing"

// TestBuild builds the servers that are not there yet, which takes minutes.
// test/scripts/test.sh runs it beside the product's tests.
func TestBuild(t *testing.T) {
	for _, build := range []func() (string, error){minioBinary, versityBinary} {
		if _, err := build(); err != nil {
			t.Error(err)
		}
	}
}
