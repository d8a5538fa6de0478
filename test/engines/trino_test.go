package engines_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coldtail/coldtail/test/parts"
)

const trinoStart = 3 * time.Minute

// trino is a server of one node, and its command line.
type trino struct {
	address  string
	catalog  string
	database string
	said     string
}

// startTrino starts a server with these catalogs, name by properties; it ends with
// the test.
func startTrino(t *testing.T, catalogs map[string]string) *trino {
	t.Helper()
	home := os.Getenv("COLDTAIL_TRINO_HOME")
	dir := t.TempDir()
	tr := &trino{address: parts.FreePort(t)}
	_, port, _ := strings.Cut(tr.address, ":")
	write(t, filepath.Join(dir, "etc", "config.properties"), fmt.Sprintf(`coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=%s
discovery.uri=http://%s
catalog.management=static
catalog.config-dir=%s
query.max-memory-per-node=600MB
`, port, tr.address, filepath.Join(dir, "etc", "catalog")))
	for name, properties := range catalogs {
		write(t, filepath.Join(dir, "etc", "catalog", name+".properties"), properties)
		tr.catalog = name
	}
	options, err := os.ReadFile(filepath.Join(home, "etc", "jvm.config"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	argv := append(strings.Fields(string(options)), "-Xmx3G", "-XX:+UseG1GC", "-Djdk.attach.allowAttachSelf=true", "-Dfile.encoding=UTF-8", "-Duser.timezone=UTC",
		"--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector",
		"-Dnode.environment=test", "-Dnode.id=one", "-Dnode.internal-address=127.0.0.1", "-Dnode.bind-ip=127.0.0.1", "-Dnode.data-dir="+dir,
		"-Dplugin.dir="+filepath.Join(home, "plugin"), "-Dconfig="+filepath.Join(dir, "etc", "config.properties"),
		"-cp", filepath.Join(home, "lib", "*"), "io.trino.server.TrinoServer")
	cmd := exec.Command(filepath.Join(os.Getenv("COLDTAIL_TRINO_JAVA"), "bin", "java"), argv...)
	cmd.Dir = dir
	cmd.Env = cleanEnv()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it keeps nothing
		<-ended
		if t.Failed() {
			b := log.Bytes()
			t.Logf("trino: %s", b[max(0, len(b)-20_000):])
		}
	})
	tr.wait(t, ended)
	return tr
}

// wait waits until the server takes queries.
func (tr *trino) wait(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(trinoStart); ; time.Sleep(200 * time.Millisecond) {
		resp, err := http.Get("http://" + tr.address + "/v1/info")
		if err == nil {
			var info struct {
				Starting    bool
				NodeVersion struct{ Version string } `json:"nodeVersion"`
			}
			err = errors.Join(json.NewDecoder(resp.Body).Decode(&info), resp.Body.Close())
			if err == nil && !info.Starting {
				tr.said = info.NodeVersion.Version
				return
			}
		}
		select {
		case <-ended:
			t.Fatal("trino ended")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("trino is not ready after %v: %v", trinoStart, err)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (tr *trino) version() string { return tr.said }

func (tr *trino) use(_ *testing.T, database string) { tr.database = database }

// run has Trino's command line run a file.
func (tr *trino) run(script string) error {
	f, err := os.CreateTemp("", "coldtail-*.sql")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if _, err := f.WriteString(script); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(os.Getenv("COLDTAIL_TRINO_JAVA"), "bin", "java"), "-Xmx256m", "-jar", os.Getenv("COLDTAIL_TRINO_CLI"),
		"--server", "http://"+tr.address, "--catalog", tr.catalog, "--schema", "default", "--file", f.Name())
	cmd.Env = append(cleanEnv(), "HOME="+filepath.Dir(f.Name()))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("trino --file: %w: %s", err, out)
	}
	return nil
}

// query speaks Trino's protocol: a statement is posted, and its answer is in pages,
// each of which names the next.
func (tr *trino) query(sql string) (answer, error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+tr.address+"/v1/statement", strings.NewReader(sql))
	if err != nil {
		return answer{}, err
	}
	for k, v := range map[string]string{"User": "test", "Catalog": tr.catalog, "Schema": tr.database, "Time-Zone": "UTC"} {
		req.Header.Set("X-Trino-"+k, v)
	}
	// With it, types have the precision that they are declared with.
	req.Header.Set("X-Trino-Client-Capabilities", "PARAMETRIC_DATETIME")
	var a answer
	for req != nil {
		var page struct {
			NextURI string `json:"nextUri"`
			Columns []struct{ Name, Type string }
			Data    [][]any
			Error   *struct{ Message, ErrorName string }
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return a, err
		}
		dec := json.NewDecoder(resp.Body)
		dec.UseNumber()
		if err := errors.Join(dec.Decode(&page), resp.Body.Close()); err != nil {
			return a, fmt.Errorf("%s: %w", resp.Status, err)
		}
		if page.Error != nil {
			return a, fmt.Errorf("%s: %s", page.Error.ErrorName, page.Error.Message)
		}
		if a.columns == nil {
			for _, c := range page.Columns {
				a.columns = append(a.columns, column{c.Name, c.Type})
			}
		}
		for _, values := range page.Data {
			for i := range values {
				if values[i], err = trinoCell(a.columns[i].kind, values[i]); err != nil {
					return a, err
				}
			}
			a.rows = append(a.rows, values)
		}
		req = nil
		if page.NextURI != "" {
			if req, err = http.NewRequest(http.MethodGet, page.NextURI, nil); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}

// trinoCell is a value of a type as the protocol writes it.
func trinoCell(kind string, v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if kind == "double" || kind == "real" {
			return v.Float64()
		}
		return v.Int64()
	case string:
		switch {
		case strings.HasPrefix(kind, "timestamp"):
			return time.Parse("2006-01-02 15:04:05", strings.TrimSuffix(v, " UTC"))
		case kind == "varbinary":
			b, err := base64.StdEncoding.DecodeString(v)
			return raw(b), err
		case strings.HasPrefix(kind, "decimal"):
			return strconv.ParseFloat(v, 64)
		}
	case []any:
		for i := range v {
			if inner, ok := v[i].([]any); ok {
				v[i] = list(inner)
			}
		}
		return list(v), nil
	case map[string]any:
		return pairs(v), nil
	}
	return v, nil
}
