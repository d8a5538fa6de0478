package codec

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
)

// What reading any object of n bytes takes of memory, at its peak and with what
// the garbage collector has not got to: readMaxBytes + 64 n.
const readMaxBytes = 64 << 20

const craftedEnv = "COLDTAIL_TEST_CRAFTED"

// TestReadCrafted is the process that TestObjectsThatAskForMemory measures.
func TestReadCrafted(t *testing.T) {
	path := os.Getenv(craftedEnv)
	if path == "" {
		t.Skip("is run by TestObjectsThatAskForMemory")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := Parquet
	if strings.HasSuffix(path, NDJSON.Ext()) {
		f = NDJSON
	}
	start := peak(t)
	report := func(what string, err error) {
		var corrupt *CorruptError
		if err != nil && err != io.EOF && !errors.As(err, &corrupt) {
			t.Errorf("%s: %v, want a CorruptError", what, err)
		}
		fmt.Printf("%s: %.150v\n", what, err)
	}
	for _, rg := range []Range{{Tail: All}, {Tail: 1}, {Tail: 1 << 30, FromSeq: 2}} {
		d, err := NewDecoder(f, Bytes(b), int64(len(b)), rg)
		for n := 0; err == nil && n < 1<<20; n++ {
			var e Entry
			err = d.Next(&e)
		}
		report(fmt.Sprintf("tail %d", rg.Tail), err)
		if d != nil {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	_, err = ReadMeta(f, Bytes(b), int64(len(b)), Limits{})
	report("meta", err)
	_, err = Inspect(f, Bytes(b), int64(len(b)), Limits{})
	report("inspect", err)
	fmt.Printf("PEAK %d\n", peak(t)-start)
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

func TestObjectsThatAskForMemory(t *testing.T) {
	for _, f := range Formats() {
		objects, large := craftedNDJSON, 20<<20
		if f == Parquet {
			objects, large = craftedParquet, 48<<20
		}
		for name, b := range objects(t, large) {
			t.Run(string(f)+" "+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "object."+f.Ext())
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
}
