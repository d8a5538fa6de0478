package terraform

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQueries holds the module's named queries to those of docs/queries.md, in
// Athena's words where they differ; with -update it writes them.
func TestQueries(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "docs", "queries.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := documented(t, string(b))
	if len(want) < 10 {
		t.Fatalf("%d queries in the document", len(want))
	}
	dir := filepath.Join(moduleDir, "queries")
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(b)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run go test ./terraform -run TestQueries -update in test/ (- docs/queries.md, + terraform/queries):\n%s", diff)
	}
}

var (
	mark   = regexp.MustCompile(`(?m)^<!-- query: ([a-z0-9-]+) -->\n## (.+)$`)
	fenced = regexp.MustCompile("(?s)\n```sql( athena)?\n(.*?\n)```\n")
)

// documented returns the files that the document asks for: a query under its
// title.
func documented(t *testing.T, document string) map[string]string {
	t.Helper()
	files := map[string]string{}
	marks := mark.FindAllStringSubmatchIndex(document, -1)
	if len(marks) != strings.Count(document, "<!-- query:") {
		t.Error("a query is not followed by its title")
	}
	for i, m := range marks {
		end := len(document)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		name, title := document[m[2]:m[3]], document[m[4]:m[5]]
		blocks := fenced.FindAllStringSubmatch(document[m[1]:end], -1)
		if len(blocks) == 0 || blocks[0][1] != "" || len(blocks) > 2 || len(blocks) == 2 && blocks[1][1] == "" {
			t.Errorf("query %s: want one block of sql, and at most one of sql athena", name)
			continue
		}
		files[name+".sql"] = "-- " + title + "\n" + blocks[len(blocks)-1][2]
	}
	return files
}
