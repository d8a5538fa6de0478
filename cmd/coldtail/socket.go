package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// pluginsDir is where the daemon's plugins listen: coldtail.sock is a plain
// plugin, <id>/coldtail.sock a managed one.
const pluginsDir = "/run/docker/plugins"

func addSocket(cmd *cobra.Command, socket *string) {
	cmd.Flags().StringVar(socket, "socket", "", "`path` of the plugin's socket (default: the one found in "+pluginsDir+")")
}

// findSocket returns the only socket in dir that is answered.
func findSocket(dir string) (string, error) {
	var found []string
	for _, pattern := range []string{"coldtail.sock", "*/coldtail.sock"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
				_ = conn.Close()
				found = append(found, path)
			}
		}
	}
	switch len(found) {
	case 0:
		// Only root may look into it.
		if _, err := os.ReadDir(dir); os.IsPermission(err) {
			return "", fmt.Errorf("look for the plugin: %w", err)
		}
		return "", fmt.Errorf("no coldtail plugin answers in %s: name its socket with --socket", dir)
	case 1:
		return found[0], nil
	}
	return "", usagef("several coldtail plugins answer: choose one with --socket: %s", strings.Join(found, ", "))
}

// ask sends a request to the plugin and returns its answer's body.
func ask(ctx context.Context, method, socket, path string) ([]byte, error) {
	if socket == "" {
		var err error
		if socket, err = findSocket(pluginsDir); err != nil {
			return nil, err
		}
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://coldtail"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the plugin: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("ask the plugin: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var answer struct{ Err string }
		if json.Unmarshal(body, &answer) == nil && answer.Err != "" {
			return nil, fmt.Errorf("the plugin answers: %s", answer.Err)
		}
		return nil, fmt.Errorf("the plugin answers with status %s", resp.Status)
	}
	return body, nil
}
