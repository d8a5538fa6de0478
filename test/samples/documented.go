package samples

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

// The dialects of docs/queries.md. DuckDB's blocks have no name; where another
// has no block of its own, it runs DuckDB's.
const (
	DuckDB     = ""
	Athena     = "athena" // Trino's, too
	Spark      = "spark"  // Hive's, too
	ClickHouse = "clickhouse"
)

var (
	queryMark = regexp.MustCompile(`(?m)^<!-- query: ([a-z0-9-]+) -->\n## .+$`)
	sqlBlock  = regexp.MustCompile("(?s)\n```sql ?([a-z]*)\n(.*?)\n```\n")
)

// Documented returns the queries of docs/queries.md by name, as a dialect's
// engine runs them.
func Documented(t testing.TB, dialect string) map[string]string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	b, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "..", "docs", "queries.md"))
	if err != nil {
		t.Fatal(err)
	}
	document := string(b)
	queries := map[string]string{}
	marks := queryMark.FindAllStringSubmatchIndex(document, -1)
	for i, m := range marks {
		end := len(document)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		name := document[m[2]:m[3]]
		blocks := map[string]string{}
		for _, block := range sqlBlock.FindAllStringSubmatch(document[m[1]:end], -1) {
			if blocks[block[1]] != "" {
				t.Fatalf("docs/queries.md: query %q has two blocks of sql %s", name, block[1])
			}
			blocks[block[1]] = block[2]
		}
		query := blocks[dialect]
		if query == "" {
			query = blocks[DuckDB]
		}
		if query == "" || queries[name] != "" {
			t.Fatalf("docs/queries.md: query %q has no sql block, or is there twice", name)
		}
		queries[name] = query
	}
	return queries
}
