package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/coldtail/coldtail/plugin"
)

// engineAPI asks the Docker engine on its unix socket. The few questions need
// no client library: https://docs.docker.com/reference/api/engine/
type engineAPI struct{ client *http.Client }

const defaultEngine = "unix:///var/run/docker.sock"

// newEngineAPI takes DOCKER_HOST's value.
func newEngineAPI(host string) (*engineAPI, error) {
	socket, ok := strings.CutPrefix(cmp.Or(host, defaultEngine), "unix://")
	if !ok {
		return nil, errors.New("DOCKER_HOST is not a unix socket: the plugin runs on the engine's own host, so run doctor there")
	}
	return &engineAPI{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}}, nil
}

func (e *engineAPI) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := e.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without an address that does not exist
		}
		return nil, fmt.Errorf("ask the Docker engine: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("ask the Docker engine for %s: status %s", path, resp.Status)
	}
	return resp.Body, nil
}

// maxAnswer bounds what the engine may answer with.
const maxAnswer = 64 << 20

func (e *engineAPI) get(ctx context.Context, path string, out any) error {
	body, err := e.open(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the Docker engine's answer: %w", err)
	}
	return nil
}

// managedPlugin is what the engine says of a managed plugin.
type managedPlugin struct {
	ID       string `json:"Id"`
	Name     string
	Enabled  bool
	Settings struct {
		Env    []string
		Mounts []struct{ Source, Destination string }
	}
	Config struct {
		PropagatedMount string
		Interface       struct{ Socket string }
	}

	dir string // its folder in the engine's
}

// plugins returns the engine's coldtail plugins.
func (e *engineAPI) plugins(ctx context.Context) ([]*managedPlugin, error) {
	var all []*managedPlugin
	if err := e.get(ctx, "/plugins", &all); err != nil {
		return nil, err
	}
	var info struct{ DockerRootDir string }
	if err := e.get(ctx, "/info", &info); err != nil {
		return nil, err
	}
	var ours []*managedPlugin
	for _, p := range all {
		if p.Config.Interface.Socket == filepath.Base(defaultSocket) {
			p.dir = filepath.Join(info.DockerRootDir, "plugins", p.ID)
			ours = append(ours, p)
		}
	}
	return ours, nil
}

// mount is the directory inside of the plugin that outlives an upgrade.
func (p *managedPlugin) mount() string { return cmp.Or(p.Config.PropagatedMount, pluginState) }

// resolve follows the link from the state directory to the mount, which the
// plugin's root file system has.
func (p *managedPlugin) resolve(inside string) string {
	inside = path.Clean(inside)
	if inside == pluginState || strings.HasPrefix(inside, pluginState+"/") {
		return p.mount() + strings.TrimPrefix(inside, pluginState)
	}
	return inside
}

func (p *managedPlugin) mounted(inside string) bool {
	inside = p.resolve(inside)
	return inside == p.mount() || strings.HasPrefix(inside, p.mount()+"/")
}

// hostPath is where a path inside of the plugin is on the host. The layout is
// the engine's: daemon/pkg/plugin/v2, ScopedPath.
func (p *managedPlugin) hostPath(inside string) string {
	if p.mounted(inside) {
		return filepath.Join(p.dir, "propagated-mount", strings.TrimPrefix(p.resolve(inside), p.mount()))
	}
	for _, m := range p.Settings.Mounts {
		if rest, ok := strings.CutPrefix(path.Clean(inside), m.Destination+"/"); ok {
			return filepath.Join(m.Source, rest)
		}
	}
	return filepath.Join(p.dir, "rootfs", inside)
}

// settle finds out what is to be checked, and reports where that comes from.
func (d *doctor) settle(ctx context.Context, out *doctorReport) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	out.hide(d.app.environ)
	found, err := d.findPlugins(ctx)
	switch {
	case d.pluginName != "":
		if err != nil {
			return err
		}
		for _, p := range found {
			if sameName(p.Name, d.pluginName) {
				d.managed = p
			}
		}
		if d.managed == nil {
			return fmt.Errorf("the Docker engine has no coldtail plugin %q", d.pluginName)
		}
	case d.c.bucket != "" || d.app.getenv(plugin.EnvBucket) != "" || d.c.state != "" || d.app.getenv(plugin.EnvState) != "":
	case len(found) == 1:
		d.managed = found[0]
	case len(found) > 1:
		var names []string
		for _, p := range found {
			names = append(names, p.Name)
		}
		return usagef("the Docker engine has several coldtail plugins: choose one with --plugin: %s", strings.Join(names, ", "))
	}
	res := passing("from flags, environment and defaults")
	if d.managed != nil {
		out.hide(d.managed.Settings.Env)
		if err := d.takeOver(d.managed.Settings.Env); err != nil {
			return err
		}
		res = passing("of the managed plugin %s", d.managed.Name)
	}
	res.Name = "settings"
	d.report(res)
	if err := d.c.resolve(d.app, d.defaultState()); err != nil {
		return err
	}
	out.hide(d.inCredentialsFile())
	return nil
}

// defaultState is the plugin's, or that of coldtail pipe where only that is there.
func (d *doctor) defaultState() string {
	tool := d.app.toolState()
	if _, err := os.Stat(pluginState); d.managed == nil && errors.Is(err, os.ErrNotExist) && tool != "" {
		if _, err := os.Stat(tool); err == nil {
			return tool
		}
	}
	return pluginState
}

func (d *doctor) findPlugins(ctx context.Context) ([]*managedPlugin, error) {
	var err error
	if d.engine, err = newEngineAPI(d.app.getenv("DOCKER_HOST")); err != nil {
		return nil, err
	}
	return d.engine.plugins(ctx)
}

// sameName compares plugins' names, of which :latest is not always written.
func sameName(a, b string) bool {
	return strings.TrimSuffix(a, ":latest") == strings.TrimSuffix(b, ":latest")
}

// takeOver puts a plugin's environment into the place of this process's own,
// for the object stores' SDKs read it from the process: the host's profiles
// and proxies are not the plugin's.
func (d *doctor) takeOver(environ []string) error {
	for _, kv := range d.app.environ {
		name, _, _ := strings.Cut(kv, "=")
		if sdkVariable(name) {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("take over the plugin's settings: %w", err)
			}
		}
	}
	// Such files are in the user's home, which the plugin has none of.
	values := map[string]string{"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull}
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); value != "" {
			if pathVariable(name) {
				value = d.managed.hostPath(value)
			}
			values[name] = value
		}
	}
	d.app.environ = nil
	for name, value := range values {
		d.app.environ = append(d.app.environ, name+"="+value)
		if !sdkVariable(name) {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("take over the plugin's settings: %w", err)
		}
	}
	return nil
}

func sdkVariable(name string) bool {
	upper := strings.ToUpper(name)
	return strings.HasPrefix(upper, "AWS_") || strings.HasPrefix(upper, "MINIO_") || strings.HasSuffix(upper, "_PROXY") || strings.HasPrefix(upper, "SSL_CERT_")
}

// pathVariable tells whether the variable names a file inside of the plugin.
func pathVariable(name string) bool {
	ours := strings.HasPrefix(name, "COLDTAIL_") || sdkVariable(name)
	return ours && strings.HasSuffix(name, "_FILE") || name == "AWS_CA_BUNDLE"
}
