package engines_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of docs/queries.md anew")

// notRun are the engines that coldtail ddl knows and no test here can start.
var notRun = []string{
	"| Athena | | its table's columns, types and partitions are compared with what is written; not run | the same |",
	"| Hive | | its statements ran in Spark's metastore, as did the queries; Hive itself is not run | columns and types are compared; not run |",
}

// TestTested holds the table of docs/queries.md to the engines of these tests; that
// they are of the versions that it says is checked where they run.
func TestTested(t *testing.T) {
	const file, begin, end = "../../docs/queries.md", "-update in test/ writes this -->\n", "<!-- /tested -->"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no table", file)
	}
	want := strings.Join(tested(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func tested() []string {
	lines := []string{"| engine | version | Parquet | NDJSON |", "| --- | --- | --- | --- |"}
	for _, k := range kinds {
		lines = append(lines, fmt.Sprintf("| %s | %s | all | all |", k.title, k.tested))
	}
	for _, l := range libraries {
		lines = append(lines, fmt.Sprintf("| %s | %s | types, and every column of every row | not read |", l.title, l.tested))
	}
	return append(lines, notRun...)
}

// checkVersion: the engine is of the version that docs/queries.md names.
func checkVersion(t *testing.T, said, tested string) {
	t.Helper()
	if said != tested && !strings.HasPrefix(said, tested+".") {
		t.Errorf("this is version %s; docs/queries.md says %s", said, tested)
	}
}
