package plugin

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestStatusIsDocumented: docs/operations.md has each field of /status.
func TestStatusIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "`/status`, which `coldtail status` prints")
	table, _, _ = strings.Cut(table, "The plugin's own log")
	names := jsonNames(reflect.TypeFor[Status]())
	if len(names) < 20 {
		t.Fatalf("only %d fields: %q", len(names), names)
	}
	for _, name := range names {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
}

// jsonNames returns the names of a type's fields in JSON, and those of its parts.
func jsonNames(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return jsonNames(t.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var names []string
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(append(names, name), jsonNames(field.Type)...)
		}
	}
	return names
}
