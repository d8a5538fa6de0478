//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"testing"
)

// workload is a container whose log must look the same under each driver. The
// reference is json-file, or local where bytes are not UTF-8, which json-file
// replaces; local in turn forgets the newline of a line of many parts.
type workload struct {
	name   string
	ref    string   // Docker's own driver to compare with
	opts   []string // of docker create
	script string
	views  views
}

var workloads = []workload{
	{"lines", "json-file", nil, `seq 1 2000`, everyView},
	{"nothing", "json-file", nil, `true`, everyView},
	{"blank lines", "json-file", nil, `printf '\n\na\n\n\n'`, everyView},
	{"only blank lines", "json-file", nil, `yes '' | head -n 300`, everyView},
	{"last line without newline", "json-file", nil, `printf 'a\nb'`, everyView},
	{"one line without newline", "json-file", nil, `printf 'a'`, everyView},
	{"line of 16384 bytes", "json-file", nil, `echo a; head -c 16384 /dev/zero | tr '\0' x; echo; echo b`, everyView},
	{"line of 50 KB", "json-file", nil, `echo a; head -c 50000 /dev/zero | tr '\0' x; echo; echo b`, everyView},
	{"line of 2 MB", "json-file", nil, `echo a; head -c 2000000 /dev/zero | tr '\0' x; echo; echo b`, everyView},
	{"2 MB without newline", "json-file", nil, `head -c 2000000 /dev/zero | tr '\0' x`, everyView},
	{"long lines on both streams", "json-file", nil,
		`for i in 1 2 3; do head -c 70000 /dev/zero | tr '\0' o; echo; head -c 70000 /dev/zero | tr '\0' e >&2; echo >&2; done`, allViews},
	{"invalid UTF-8", "local", nil, `printf 'ok\n\377\376bad\303\n\300\200\nend \360\237\n'`, everyView},
	{"arbitrary bytes", "local", nil, `seq 1 20000 | bzip2`, everyView},
	{"NUL bytes", "json-file", nil, `printf 'a\0b\n\0\n\0\0'`, everyView},
	{"carriage returns and escapes", "json-file", nil, `printf 'a\r\n\033[31mred\033[0m\n"quoted" \\ back\t<html>&\n'`, everyView},
	{"tty", "json-file", []string{"-t"}, `seq 1 50; printf 'prompt> '`, everyView},
	{"both streams, many lines", "json-file", nil, `seq 1 20000; seq 1 20000 | sed 's/^/e/' >&2`, allViews},
	{"both streams, taking turns", "json-file", nil,
		`i=0; while [ $i -lt 12 ]; do i=$((i+1)); echo o$i; usleep 30000; echo e$i >&2; usleep 30000; done`, everyView},
}

// TestLogs compares each workload after the container stopped, and again when
// its entries are in the bucket alone.
func TestLogs(t *testing.T) {
	refs := make([]string, len(workloads))
	ids := make([]string, len(workloads))
	for i, w := range workloads {
		refs[i] = start(t, w.ref, w.opts, w.script)
		ids[i] = start(t, shared.name, w.opts, w.script)
	}
	wait(t, append(refs, ids...)...)
	for i, w := range workloads {
		t.Run(w.name, func(t *testing.T) { compare(t, refs[i], ids[i], w.views) })
	}
	shared.flush(t, "--evict")
	for i, w := range workloads {
		t.Run(w.name+", from the bucket", func(t *testing.T) {
			if left := shared.segments(t, ids[i]); len(left) > 0 {
				t.Errorf("segments left after flush --evict: %v", left)
			}
			compare(t, refs[i], ids[i], w.views)
		})
	}
}

// TestNDJSON does the same with the other format. Two references, as json-file
// replaces invalid UTF-8 and local forgets the newline of a line of many parts.
func TestNDJSON(t *testing.T) {
	for _, w := range []workload{
		{"long line", "json-file", nil, `seq 1 3000; head -c 40000 /dev/zero | tr '\0' x; echo; printf end`, everyView},
		{"arbitrary bytes", "local", nil, `seq 1 20000 | bzip2`, everyView},
	} {
		t.Run(w.name, func(t *testing.T) {
			ref := start(t, w.ref, nil, w.script)
			id := start(t, shared.name, []string{"--log-opt", "format=ndjson"}, w.script)
			wait(t, ref, id)
			compare(t, ref, id, w.views)
			shared.flush(t, "--evict")
			compare(t, ref, id, w.views)
		})
	}
}

// TestRestart compares a container that ran three times, in one segment and over
// several objects.
func TestRestart(t *testing.T) {
	const script = `seq 1 500; printf 'no newline'; echo err >&2`
	ref := start(t, "json-file", nil, script)
	id := start(t, shared.name, nil, script)
	for range 2 {
		wait(t, ref, id)
		docker(t, "start", ref, id)
	}
	wait(t, ref, id)
	compare(t, ref, id, allViews)
	shared.flush(t, "--evict")
	compare(t, ref, id, allViews)
	docker(t, "start", ref, id)
	wait(t, ref, id)
	compare(t, ref, id, allViews)
}

// TestDuring compares while the container runs: entries of the bucket, of the
// spool and of the live tail together.
func TestDuring(t *testing.T) {
	const script = `pause() { while [ ! -e /tmp/$1 ]; do usleep 20000; done; }
seq 1 1000; pause 1; seq 1001 2000; pause 2; seq 2001 3000`
	ref := start(t, "json-file", nil, script)
	id := start(t, shared.name, nil, script)
	for part, lines := range []int{1000, 2000} {
		for _, c := range []string{ref, id} {
			eventually(t, "lines of the running container", func() bool {
				return bytes.Count(logs(t, c).stdout, []byte("\n")) == lines
			})
		}
		compare(t, ref, id, everyView)
		if part == 0 {
			shared.flush(t, "--evict")
			compare(t, ref, id, everyView)
		}
		for _, c := range []string{ref, id} {
			docker(t, "exec", c, "touch", fmt.Sprintf("/tmp/%d", part+1))
		}
	}
	wait(t, ref, id)
	compare(t, ref, id, everyView)
}

// TestMillion is the long log, and then twenty of them at once.
func TestMillion(t *testing.T) {
	const script = `seq 1 1000000`
	vs := views{{}, {"--tail", "1000"}, {"-t"}}
	ref := runToEnd(t, "json-file", nil, script)
	id := runToEnd(t, shared.name, nil, script)
	compare(t, ref, id, vs)
	want := logs(t, ref).stdout

	const crowd = 20
	ids := make([]string, crowd)
	for i := range ids {
		ids[i] = create(t, shared.name, nil, script)
	}
	docker(t, append([]string{"start"}, ids...)...)
	wait(t, ids...)
	// docker logs takes some 4 s each: the others are compared as rows, below.
	for i := 0; i < crowd; i += 4 {
		same(t, fmt.Sprintf("container %d of %d", i+1, crowd), want, logs(t, ids[i]).stdout)
	}
	shared.flush(t, "--evict")
	compare(t, ref, id, vs)
	same(t, "one of the crowd, from the bucket", want, logs(t, ids[crowd/2]).stdout)
	for i, id := range ids {
		same(t, fmt.Sprintf("rows of container %d of %d", i+1, crowd), want, rows(t, shared, id))
	}
}
