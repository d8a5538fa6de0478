//go:build cgo

// Package query reads chunks the way their users do: with DuckDB, and with
// arrow-go as an independent reader of Parquet.
package query

import (
	"log/slog"
	"testing"

	"github.com/coldtail/coldtail/archiver/bucket"
	"github.com/coldtail/coldtail/archiver/bucket/filebucket"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/test/samples"
)

// archive makes the archive of unusual lines in a folder, and returns it and
// the keys.
func archive(t *testing.T, f codec.Format) (dir string, keys []string) {
	t.Helper()
	dir = t.TempDir()
	return dir, samples.Archive(t, openFolder(t, dir), f)
}

// archiveShop returns the folder of the shop's archive, and all lines.
func archiveShop(t *testing.T, f codec.Format) (dir string, all []samples.Logged) {
	t.Helper()
	dir = t.TempDir()
	return dir, samples.ArchiveShop(t, openFolder(t, dir), f)
}

func openFolder(t *testing.T, dir string) bucket.Bucket {
	t.Helper()
	b, err := filebucket.Open(filebucket.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
