package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/docker/docker/daemon/logger"
	"github.com/docker/docker/pkg/plugingetter"
	"github.com/docker/docker/pkg/plugins"
)

// installed is the daemon's view of a managed plugin: its socket, and the
// directory on the host that is the plugin's root.
type installed struct {
	name   string
	root   string
	client *plugins.Client
}

func (i *installed) Name() string               { return i.name }
func (i *installed) ScopedPath(p string) string { return filepath.Join(i.root, p) }
func (i *installed) IsV1() bool                 { return false }
func (i *installed) Client() *plugins.Client    { return i.client }

// daemon is the daemon's store of plugins.
type daemon struct {
	mu      sync.Mutex
	plugins map[string]*installed
}

// newDaemon returns the store that moby uses until the test ends. It is global
// there, so tests that need one do not run at the same time.
func newDaemon(t testing.TB) *daemon {
	t.Helper()
	d := &daemon{plugins: map[string]*installed{}}
	logger.RegisterPluginGetter(d)
	t.Cleanup(func() { logger.RegisterPluginGetter(nil) })
	return d
}

// install makes p a plugin, and returns the name of its driver.
func (d *daemon) install(t testing.TB, p *process) (name string) {
	t.Helper()
	root := filepath.Join(p.dir, "root")
	client, err := plugins.NewClient("unix://"+mountNamespace(t, p, root), nil)
	check(t, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	name = fmt.Sprint("coldtail", len(d.plugins))
	d.plugins[name] = &installed{name, root, client}
	return name
}

// Get implements plugingetter.PluginGetter.
func (d *daemon) Get(name, capability string, _ int) (plugingetter.CompatPlugin, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.plugins[name]; i != nil && capability == "LogDriver" {
		return i, nil
	}
	return nil, errors.New("no such plugin")
}

// GetAllByCap implements plugingetter.PluginGetter.
func (*daemon) GetAllByCap(string) ([]plugingetter.CompatPlugin, error) { return nil, nil }

// GetAllManagedPluginsByCap implements plugingetter.PluginGetter.
func (*daemon) GetAllManagedPluginsByCap(string) []plugingetter.CompatPlugin { return nil }

// Handle implements plugingetter.PluginGetter.
func (*daemon) Handle(string, func(string, *plugins.Client)) {}

// mountNamespace plays the plugin's mount namespace, in which root is /: a
// proxy that gives the FIFOs which the daemon names their names outside of it.
// The rest passes as it is.
func mountNamespace(t testing.TB, p *process, root string) (socket string) {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.socket)
		}},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "plugin"})
			if err := moveFile(r.Out, root); err != nil {
				t.Errorf("%s: %v", r.In.URL.Path, err)
			}
		},
	}
	socket = filepath.Join(p.dir, "daemon.sock")
	l, err := net.Listen("unix", socket)
	check(t, err)
	srv := &http.Server{Handler: proxy}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		check(t, srv.Close())
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return socket
}

// moveFile puts root before the File of a request, if it has one.
func moveFile(r *http.Request, root string) error {
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	var file string
	if json.Unmarshal(body, &fields) == nil && json.Unmarshal(fields["File"], &file) == nil {
		if fields["File"], err = json.Marshal(filepath.Join(root, file)); err != nil {
			return err
		}
		if body, err = json.Marshal(fields); err != nil {
			return err
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}
