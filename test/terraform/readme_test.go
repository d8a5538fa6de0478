package terraform

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-config-inspect/tfconfig"
)

var update = flag.Bool("update", false, "write the tables of terraform/README.md")

const (
	root      = "../.."
	moduleDir = root + "/terraform"

	beginTables = "<!-- BEGIN_TF_DOCS -->\n"
	endTables   = "<!-- END_TF_DOCS -->"
)

// TestReadme holds the tables in the README to the module's sources; with
// -update it writes them. They are in the form of terraform-docs.
func TestReadme(t *testing.T) {
	module, diags := tfconfig.LoadModule(moduleDir)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	path := filepath.Join(moduleDir, "README.md")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), beginTables)
	got, after, ended := strings.Cut(rest, endTables)
	if !found || !ended {
		t.Fatalf("no tables: want them between %q and %q", beginTables, endTables)
	}
	want := tables(module)
	if *update && got != want {
		if err := os.WriteFile(path, []byte(before+beginTables+want+endTables+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run go test ./terraform -run TestReadme -update in test/ (- sources, + README):\n%s", diff)
	}
	for name, v := range module.Variables {
		if v.Description == "" || v.Type == "" {
			t.Errorf("variable %q lacks a description or a type", name)
		}
	}
	for name, o := range module.Outputs {
		if o.Description == "" {
			t.Errorf("output %q lacks a description", name)
		}
	}
}

func tables(m *tfconfig.Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Requirements\n\n| Name | Version |\n|------|---------|\n| terraform | %s |\n", strings.Join(m.RequiredCore, ", "))
	for _, name := range sorted(m.RequiredProviders) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, strings.Join(m.RequiredProviders[name].VersionConstraints, ", "))
	}
	b.WriteString("\n## Resources\n\n| Name | Type |\n|------|------|\n")
	for _, name := range sorted(m.ManagedResources) {
		r := m.ManagedResources[name]
		fmt.Fprintf(&b, "| [%s.%s](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/%s) | resource |\n",
			r.Type, r.Name, strings.TrimPrefix(r.Type, "aws_"))
	}
	b.WriteString("\n## Inputs\n\n| Name | Description | Type | Default | Required |\n|------|-------------|------|---------|:--------:|\n")
	// Those without a default first, as one starts with them.
	names := sorted(m.Variables)
	slices.SortStableFunc(names, func(a, b string) int { return rank(m.Variables[a]) - rank(m.Variables[b]) })
	for _, name := range names {
		v := m.Variables[name]
		value, required := "n/a", "yes"
		if !v.Required {
			value, required = code(literal(v.Default)), "no"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, v.Description, code(v.Type), value, required)
	}
	b.WriteString("\n## Outputs\n\n| Name | Description |\n|------|-------------|\n")
	for _, name := range sorted(m.Outputs) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, m.Outputs[name].Description)
	}
	return b.String()
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func rank(v *tfconfig.Variable) int {
	if v.Required {
		return 0
	}
	return 1
}

func literal(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// code fits into a table's cell, also on several lines.
func code(s string) string {
	if !strings.Contains(s, "\n") {
		return "`" + s + "`"
	}
	return "<pre>" + strings.ReplaceAll(s, "\n", "<br/>") + "</pre>"
}
