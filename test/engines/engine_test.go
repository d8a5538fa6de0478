package engines_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coldtail/coldtail/test/parts"
)

// engine is a query engine that runs.
type engine interface {
	// version is what it says of itself.
	version() string
	// use makes a database that of later queries.
	use(t *testing.T, database string)
	// run runs statements, as a user does who has them in a file.
	run(script string) error
	// query returns the columns' names and types, and rows of comparable values.
	query(sql string) (answer, error)
}

// answer is what a query gives.
type answer struct {
	columns []column
	rows    [][]any
}

type column struct{ name, kind string }

// selected reports whether test/scripts/engines.sh fetched an engine.
func selected(name string) bool {
	return slices.Contains(strings.Fields(os.Getenv("COLDTAIL_ENGINES")), name)
}

// full reports whether everything is checked, not one of each kind.
func full() bool { return os.Getenv("FULL") != "" }

// driver is an engine that Python runs, in a process that ends with its test.
type driver struct {
	said   string // its version
	stdin  *json.Encoder
	stdout *bufio.Reader
}

// startDriver starts drivers/NAME_driver.py with the engine's Python and what else
// its environment needs.
func startDriver(t *testing.T, name string, s *store, env ...string) *driver {
	t.Helper()
	python := os.Getenv("COLDTAIL_" + strings.ToUpper(name) + "_PYTHON")
	cmd := exec.Command(python, filepath.Join("drivers", name+"_driver.py"))
	cmd.Env = append(cleanEnv(), "AWS_ACCESS_KEY_ID="+parts.MinIOAccessKey, "AWS_SECRET_ACCESS_KEY="+parts.MinIOSecretKey,
		"COLDTAIL_ENDPOINT="+s.url(), "COLDTAIL_ENGINE_DIR="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Env = append(cmd.Env, env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends it
		timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, log.Bytes())
		}
	})
	d := &driver{stdin: json.NewEncoder(in), stdout: bufio.NewReaderSize(out, 1<<20)}
	var hello struct{ Version string }
	if err := d.read(&hello); err != nil || hello.Version == "" {
		t.Fatalf("start %s: %v", name, err)
	}
	d.said = hello.Version
	return d
}

// cleanEnv is the environment without what configures clients of stores.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, "MINIO_") || strings.HasPrefix(kv, "COLDTAIL_") && !strings.HasPrefix(kv, "COLDTAIL_SPARK_")
	})
}

func (d *driver) version() string { return d.said }

func (d *driver) use(t *testing.T, database string) {
	t.Helper()
	if err := d.run("USE " + database); err != nil {
		t.Fatal(err)
	}
}

func (d *driver) run(script string) error {
	_, err := d.ask("script", script)
	return err
}

func (d *driver) query(sql string) (answer, error) { return d.ask("query", sql) }

func (d *driver) ask(kind, text string) (answer, error) {
	if err := d.stdin.Encode(map[string]string{kind: text}); err != nil {
		return answer{}, err
	}
	var got struct {
		Error   string
		Columns [][2]string
		Rows    [][]any
	}
	if err := d.read(&got); err != nil {
		return answer{}, err
	}
	if got.Error != "" {
		return answer{}, errors.New(got.Error)
	}
	a := answer{}
	for _, c := range got.Columns {
		a.columns = append(a.columns, column{c[0], c[1]})
	}
	for _, row := range got.Rows {
		for i := range row {
			v, err := cell(row[i])
			if err != nil {
				return answer{}, err
			}
			row[i] = v
		}
		a.rows = append(a.rows, row)
	}
	return a, nil
}

func (d *driver) read(v any) error {
	line, err := d.stdout.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the driver ended: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	return dec.Decode(v)
}

// cell is a value that a driver wrote; see drivers/session.py.
func cell(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		return v.Int64()
	case []any:
		for i := range v {
			inner, err := cell(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = inner
		}
		return list(v), nil
	case map[string]any:
		switch {
		case v["float"] != nil:
			return strconv.ParseFloat(v["float"].(string), 64)
		case v["micros"] != nil:
			n, err := v["micros"].(json.Number).Int64()
			return time.UnixMicro(n).UTC(), err
		case v["bytes"] != nil:
			b, err := base64.StdEncoding.DecodeString(v["bytes"].(string))
			return raw(b), err
		}
		return pairs(v["map"].(map[string]any)), nil
	}
	return v, nil
}

// raw are bytes, list is a list or a struct, and pairs a map, as text.
func raw(b []byte) string      { return fmt.Sprintf("bytes %q", b) }
func list(values []any) string { return fmt.Sprint(values) }
func pairs(m map[string]any) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s=%v", k, m[k]))
	}
	return "{" + strings.Join(all, ", ") + "}"
}
