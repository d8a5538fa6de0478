package verify_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/archiver/bucket/buckettest"
	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/key"
	"github.com/coldtail/coldtail/readback/verify"
)

// TestMemoryOfMany verifies an archive of many containers, of one object each,
// that has no index.
func TestMemoryOfMany(t *testing.T) {
	const n = 5_000
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	key := func(i int) string {
		return key.Meta{
			Format: codec.NDJSON, ContainerID: fmt.Sprintf("%064x", i), SpoolID: strings.Repeat("5", 16), SegmentSeq: 1, FirstSeq: 1, LastSeq: 1, Entries: 1,
			MinNano: start.UnixNano(), MaxNano: start.UnixNano(), Hour: start,
		}.Key()
	}
	content := map[string][]byte{}
	for i := range n {
		content[key(i)] = []byte("not an object")
	}
	l := &buckettest.Listing{Content: content}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	unindexed := 0
	sum, err := verify.Run(t.Context(), l, verify.Config{Found: func(f verify.Finding) {
		if f.Kind != verify.Unindexed {
			return
		}
		if unindexed++; unindexed == n { // histories are as many as they get
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}})
	check(t, err)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	t.Logf("%d bytes for each of %d containers, %d listings", each, n, l.Lists.Load())
	if sum.Containers != n || unindexed != n || each > 1500 {
		t.Errorf("%+v, %d unindexed, %d bytes for each container", sum, unindexed, each)
	}
}
