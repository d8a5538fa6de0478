//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/test/parts"
)

// TestRemoteBucket archives to a real MinIO through each of the two SDKs, reads
// back from there, and goes on while it is away.
func TestRemoteBucket(t *testing.T) {
	minio := parts.StartMinIO(t)
	minio.CreateBucket(t, "logs")
	keys := []string{
		"MINIO_ACCESS_KEY=" + parts.MinIOAccessKey, "MINIO_SECRET_KEY=" + parts.MinIOSecretKey,
		"AWS_ACCESS_KEY_ID=" + parts.MinIOAccessKey, "AWS_SECRET_ACCESS_KEY=" + parts.MinIOSecretKey,
	}
	for scheme, bucket := range map[string]string{
		"minio": fmt.Sprintf("minio://%s/logs/m?tls=false", minio.Endpoint),
		"s3":    fmt.Sprintf("s3://logs/s?region=us-east-1&endpoint=%s&path-style=true", minio.URL()),
	} {
		t.Run(scheme, func(t *testing.T) {
			p := privatePlugin(t, "coldtail:e2e-"+scheme, append(keys, "COLDTAIL_BUCKET="+bucket)...)
			testRemoteBucket(t, p, minio)
		})
	}
}

func testRemoteBucket(t *testing.T, p *plugin, minio *parts.MinIO) {
	const script = `seq 1 20000; head -c 50000 /dev/zero | tr '\0' x; echo; printf end`
	ref := runToEnd(t, "json-file", nil, script)
	id := runToEnd(t, p.name, nil, script)
	p.flush(t, "--evict")
	if left := p.segments(t, id); len(left) > 0 {
		t.Errorf("segments left after flush --evict: %v", left)
	}
	compare(t, ref, id, everyView)

	minio.Stop(t)
	// The container runs, and its log is served from the spool: had it to wait for
	// the bucket, it would fail.
	began := time.Now()
	away := runToEnd(t, p.name, nil, script)
	res := run(t, patience, nil, "docker", "logs", away)
	if res.err != nil {
		t.Fatalf("docker logs while the bucket is away: %v\n%s", res.err, res.stderr)
	}
	t.Logf("run and read with the bucket away: %v", time.Since(began))
	compareView(t, nil, logs(t, ref), res)
	compare(t, ref, away, views{{"--tail", "5"}, {"-t"}})

	minio.Start(t)
	eventually(t, "flush after the bucket is back", func() bool {
		return p.tryFlush(t, "--evict").err == nil
	})
	compare(t, ref, away, everyView)
}

// countLines counts the rows of Parquet files with a reader that is not ours.
func countLines(t *testing.T, files []string) int {
	t.Helper()
	if len(files) == 0 {
		return 0
	}
	var n int
	query := fmt.Sprintf("SELECT count(*) FROM read_parquet(['%s'])", strings.Join(files, "','"))
	if err := parts.DuckDB(t).QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
