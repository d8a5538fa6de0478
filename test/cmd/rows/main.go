// Command rows prints the first and the last rows of a Parquet chunk, a few
// columns each, with parquet-go's own row reader rather than coldtail's decoder.
package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/parquet-go/parquet-go"
)

// row is the part of a chunk's schema that is shown (docs/format.md).
type row struct {
	Time          int64  `parquet:"time_unix_nano"`
	Seq           int64  `parquet:"seq"`
	Stream        string `parquet:"stream"`
	Body          string `parquet:"body"`
	ServiceName   string `parquet:"service_name"`
	ContainerName string `parquet:"container_name"`
}

const (
	shown     = 3  // rows at each end
	bodyRunes = 48 // of a body
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rows FILE.parquet")
		os.Exit(2)
	}
	if err := show(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
		os.Exit(1)
	}
}

func show(w io.Writer, name string) error {
	rows, err := parquet.ReadFile[row](name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "time\tseq\tstream\tservice_name\tbody")
	for i, r := range rows {
		if i == shown && len(rows) > 2*shown {
			fmt.Fprintln(tab, "…\t\t\t\t")
		}
		if i < shown || i >= len(rows)-shown {
			at := time.Unix(0, r.Time).UTC().Format("2006-01-02T15:04:05.000000Z")
			fmt.Fprintf(tab, "%s\t%d\t%s\t%s\t%s\n", at, r.Seq, r.Stream, r.ServiceName, cut(r.Body))
		}
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d rows\n", len(rows))
	return err
}

func cut(s string) string {
	r := []rune(s)
	if len(r) <= bodyRunes {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", string(r[:bodyRunes]), len(s))
}
