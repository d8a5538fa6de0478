//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	wire "encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/plugins/logdriver"
)

// benchRounds is how often each driver is measured: they take turns, so that
// what else the machine does is everybody's. The medians of the rounds' ratios count.
const benchRounds = 5

// BenchmarkMillion runs a container that prints a million short lines, and
// prints its log, under Docker's own drivers, under a plugin that throws all away
// and answers with ready-made frames, and under coldtail.
func BenchmarkMillion(b *testing.B) {
	null := nullPlugin(b)
	drivers := []string{"json-file", "local", null, shared.name}
	times := map[string][]float64{}
	for b.Loop() {
		for round := range benchRounds {
			for i := range drivers {
				// Each driver follows another one each time.
				driver := drivers[(i+round)%len(drivers)]
				before := use(b, shared.pid(b)).cpu
				run, logs := million(b, driver)
				times["cpu "+driver] = append(times["cpu "+driver], use(b, shared.pid(b)).cpu-before)
				times["run "+driver] = append(times["run "+driver], run.Seconds())
				times["logs "+driver] = append(times["logs "+driver], logs.Seconds())
			}
		}
	}
	for _, what := range []string{"run ", "logs "} {
		for _, driver := range drivers {
			b.Logf("%-5s%-22s %.2f s (%.2f to %.2f)", what, driver, median(times[what+driver]),
				slices.Min(times[what+driver]), slices.Max(times[what+driver]))
		}
	}
	// Round by round, as the machine's speed drifts.
	ratio := func(what, driver string) float64 {
		var ratios []float64
		for i, t := range times[what+shared.name] {
			ratios = append(ratios, t/times[what+driver][i])
		}
		return median(ratios)
	}
	b.ReportMetric(median(times["cpu "+shared.name]), "s-cpu") // of the plugin, for both
	b.ReportMetric(ratio("run ", null), "run/null")
	b.ReportMetric(ratio("run ", "json-file"), "run/json-file")
	b.ReportMetric(ratio("logs ", null), "logs/ready-made")
	b.ReportMetric(ratio("logs ", "json-file"), "logs/json-file")
}

// million measures docker run and docker logs, whose output is thrown away.
func million(b *testing.B, driver string) (run, logs time.Duration) {
	b.Helper()
	name := fmt.Sprintf("coldtail-bench-%d", os.Getpid())
	began := time.Now()
	discard(b, "run", "--name", name, "--network", "none", "--log-driver", driver, image(), "seq", "1", "1000000")
	run = time.Since(began)
	began = time.Now()
	discard(b, "logs", name)
	logs = time.Since(began)
	if last := docker(b, "logs", "--tail", "1", name); last != "1000000" && driver == shared.name {
		b.Fatalf("the log ends with %q", last)
	}
	docker(b, "rm", name)
	return run, logs
}

// discard runs docker and throws its output away.
func discard(b *testing.B, args ...string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		b.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// nullPlugin makes and enables the plugin of test/cmd/nullplugin.
func nullPlugin(b *testing.B) (name string) {
	b.Helper()
	name = "coldtail:bench-null"
	dir := b.TempDir()
	for _, d := range []string{"plugins", "logging"} {
		if err := os.MkdirAll(filepath.Join(dir, "rootfs", "run", "docker", d), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "rootfs", "nullplugin"), "./cmd/nullplugin")
	cmd.Dir, cmd.Env = filepath.Join(repoRoot(), "test"), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	config := `{"entrypoint": ["/nullplugin"], "network": {"type": "none"},
		"interface": {"types": ["docker.logdriver/1.0"], "socket": "null.sock"}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	docker(b, "plugin", "create", name, dir)
	b.Cleanup(func() {
		if err := (&plugin{name: name}).remove(); err != nil {
			b.Errorf("remove plugin %s: %v", name, err)
		}
	})
	docker(b, "plugin", "enable", "--timeout", "0", name)
	return name
}

// BenchmarkFollow measures, through the engine's API, how long a follower waits
// for its first byte, and how long an entry takes from the daemon's time stamp
// to the follower.
func BenchmarkFollow(b *testing.B) {
	for _, driver := range []string{"json-file", shared.name} {
		b.Run(strings.ReplaceAll(driver, ":", "-"), func(b *testing.B) {
			const lines = 500
			id := start(b, driver, nil, fmt.Sprintf(`echo first; while [ ! -e /tmp/go ]; do usleep 20000; done
i=0; while [ $i -lt %d ]; do i=$((i+1)); echo $i; usleep 10000; done`, lines))
			eventually(b, "the first line", func() bool { return len(logs(b, id).stdout) > 0 })
			for b.Loop() {
				var waits []float64
				for range 50 {
					f := follow(b, id)
					waits = append(waits, f.first.Seconds()*1e3)
					f.Close()
				}
				b.ReportMetric(median(waits), "ms-first-median")
				b.ReportMetric(slices.Max(waits), "ms-first-max")
			}
			f := follow(b, id)
			defer f.Close()
			docker(b, "exec", id, "touch", "/tmp/go")
			var delays []float64
			for {
				line, err := f.next()
				if err != nil {
					break
				}
				stamp, _, _ := strings.Cut(line, " ")
				at, err := time.Parse(time.RFC3339Nano, stamp)
				if err != nil {
					b.Fatal(err)
				}
				delays = append(delays, time.Since(at).Seconds()*1e3)
			}
			if len(delays) != lines {
				b.Fatalf("followed %d lines, want %d", len(delays), lines)
			}
			slices.Sort(delays)
			b.ReportMetric(median(delays), "ms-delay-p50")
			b.ReportMetric(delays[len(delays)*99/100], "ms-delay-p99")
			b.ReportMetric(slices.Max(delays), "ms-delay-max")
		})
	}
}

// BenchmarkFollowers lets followers read a container's log from the plugin's
// socket while the container writes some 2,000 lines a second, with which a
// hundred of them keep up, or as fast as it can. What the plugin reads from files and FIFOs,
// the processor time and the memory that it takes are those of its process.
func BenchmarkFollowers(b *testing.B) {
	for _, load := range []struct {
		name, script string
		lines        int
	}{
		{"steady", `i=0; while [ $i -lt 500 ]; do i=$((i+1)); seq 1 20; usleep 10000; done`, 10_000},
		{"flood", `seq 1 200000`, 200_000},
	} {
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%d", load.name, n), func(b *testing.B) {
				followers(b, n, load.script, load.lines)
			})
		}
	}
}

func followers(b *testing.B, n int, script string, lines int) {
	for b.Loop() {
		b.StopTimer()
		id := start(b, shared.name, nil, "while [ ! -e /tmp/go ]; do usleep 20000; done; "+script)
		bodies := make([]io.ReadCloser, n)
		for i := range bodies {
			bodies[i] = followPlugin(b, shared, id)
		}
		pid := shared.pid(b)
		before := use(b, pid)
		b.StartTimer()
		var wg sync.WaitGroup
		for _, body := range bodies {
			wg.Go(func() {
				defer body.Close()
				if got := countFrames(body); got != lines {
					b.Errorf("a follower got %d lines, want %d", got, lines)
				}
			})
		}
		docker(b, "exec", id, "touch", "/tmp/go")
		wg.Wait()
		b.StopTimer()
		after := use(b, pid)
		b.ReportMetric((after.read-before.read)/1e6, "MB-read")
		b.ReportMetric(after.cpu-before.cpu, "s-cpu")
		b.ReportMetric(after.peak/1e6, "MB-peak")
		b.StartTimer()
	}
}

// followPlugin asks the plugin as the daemon does.
func followPlugin(b *testing.B, p *plugin, id string) io.ReadCloser {
	b.Helper()
	body := fmt.Sprintf(`{"Info": {"ContainerID": %q}, "Config": {"Tail": 0, "Follow": true}}`, id)
	resp, err := unixClient(p.socket).Post("http://plugin/LogDriver.ReadLogs", "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("the plugin answers %s", resp.Status)
	}
	return resp.Body
}

// countFrames counts the frames that are lines, up to the end.
func countFrames(r io.Reader) (n int) {
	dec := logdriver.NewLogEntryDecoder(bufio.NewReaderSize(r, 64<<10))
	for {
		var e logdriver.LogEntry
		if dec.Decode(&e) != nil {
			return n
		}
		if e.Source == "stdout" {
			n++
		}
	}
}

// usage is what a process has used.
type usage struct{ read, cpu, peak float64 } // bytes, seconds, bytes

// use looks at a process, and lets its peak of memory begin anew.
func use(b *testing.B, pid int) (u usage) {
	b.Helper()
	field := func(file, name string) float64 {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, name+":"); ok {
				n, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
				if err != nil {
					b.Fatal(err)
				}
				return n
			}
		}
		b.Fatalf("/proc/PID/%s has no %s", file, name)
		return 0
	}
	u = usage{read: field("io", "rchar"), peak: 1024 * field("status", "VmHWM")}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// From the third field on; those of time in user mode and in the kernel.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, ticks := range fields[11:13] {
		n, err := strconv.ParseFloat(ticks, 64)
		if err != nil {
			b.Fatal(err)
		}
		u.cpu += n / 100 // of a second
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	return u
}

// follower reads a log from the engine's API, with time stamps.
type follower struct {
	io.ReadCloser
	first time.Duration // until the first entry was there
}

// follow starts with the last line, which it reads.
func follow(b *testing.B, id string) *follower {
	b.Helper()
	began := time.Now()
	resp, err := unixClient(engineSocket()).Get("http://engine/containers/" + id + "/logs?follow=1&stdout=1&timestamps=1&tail=1")
	if err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("the engine answers %s", resp.Status)
	}
	f := &follower{ReadCloser: resp.Body}
	if _, err := f.next(); err != nil {
		b.Fatal(err)
	}
	f.first = time.Since(began)
	return f
}

// next reads an entry as the engine frames it: stream, three zeros, size.
func (f *follower) next() (string, error) {
	var head [8]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return "", err
	}
	line := make([]byte, wire.BigEndian.Uint32(head[4:]))
	_, err := io.ReadFull(f, line)
	return string(line), err
}
