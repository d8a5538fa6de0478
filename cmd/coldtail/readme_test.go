package main // asks for the commands

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeHasEveryCommand looks for each command in the README's table.
func TestReadmeHasEveryCommand(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range new(app).rootCommand().Commands() {
		if name := c.Name(); name != "version" && !strings.Contains(string(b), "| `coldtail "+name) {
			t.Errorf("the README does not list coldtail %s", name)
		}
	}
}
