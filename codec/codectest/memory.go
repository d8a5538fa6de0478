package codectest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec"
	"github.com/coldtail/coldtail/codec/ranged"
)

// readMaxBytes is what reading any object of n bytes takes of memory, at its peak
// and with what the garbage collector has not got to: readMaxBytes + 64 n.
const readMaxBytes = 64 << 20

const craftedEnv = "COLDTAIL_TEST_CRAFTED"

// Measured is the process that MeasureMemory measures; the test that calls it is
// called TestReadCrafted.
func (rd Reading) Measured(t *testing.T) {
	path := os.Getenv(craftedEnv)
	if path == "" {
		t.Skip("is run by TestObjectsThatAskForMemory")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := peak(t)
	report := func(what string, err error) {
		var corrupt *codec.CorruptError
		if err != nil && err != io.EOF && !errors.As(err, &corrupt) {
			t.Errorf("%s: %v, want a CorruptError", what, err)
		}
		fmt.Printf("%s: %.150v\n", what, err)
	}
	for _, rg := range []codec.Range{{Tail: codec.All}, {Tail: 1}, {Tail: 1 << 30, FromSeq: 2}} {
		d, err := rd.NewDecoder(ranged.Bytes(b), int64(len(b)), rg)
		for n := 0; err == nil && n < 1<<20; n++ {
			var e codec.Entry
			err = d.Next(&e)
		}
		report(fmt.Sprintf("tail %d", rg.Tail), err)
		if d != nil {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	_, err = rd.ReadMeta(ranged.Bytes(b), int64(len(b)), codec.Limits{})
	report("meta", err)
	_, err = rd.Inspect(ranged.Bytes(b), int64(len(b)), codec.Limits{})
	report("inspect", err)
	fmt.Printf("PEAK %d\n", peak(t)-start)
}

// MeasureMemory reads each object in a process of its own, whose peak must be
// within bounds.
func (rd Reading) MeasureMemory(t *testing.T, objects map[string][]byte) {
	for name, b := range objects {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "object."+rd.Ext)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReadCrafted$", "-test.v")
			cmd.Env = append(os.Environ(), craftedEnv+"="+path)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			_, rest, _ := strings.Cut(string(out), "PEAK ")
			rest, _, _ = strings.Cut(rest, "\n")
			took, err := strconv.ParseInt(rest, 10, 64)
			if err != nil {
				t.Fatalf("no peak: %s", out)
			}
			t.Logf("%d bytes, %d MiB\n%s", len(b), took>>20, out)
			if most := readMaxBytes + 64*int64(len(b)); took > most {
				t.Errorf("an object of %d bytes takes %d, more than %d", len(b), took, most)
			}
		})
	}
}

// peak is the most memory that the process has had so far.
func peak(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("the peak is not known: %v", err)
	}
	_, rest, ok := strings.Cut(string(b), "VmHWM:")
	if !ok {
		t.Skip("the kernel does not tell VmHWM")
	}
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
