// Command pluginset NAME sets a plugin's settings, NAME=VALUE each, which it reads
// from standard input, each ended by a zero byte. docker plugin set takes them as
// arguments, which every user of the host can read.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pluginset:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: pluginset NAME <SETTINGS")
	}
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	body, err := json.Marshal(strings.Split(strings.TrimSuffix(string(in), "\x00"), "\x00"))
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return errors.New("DOCKER_HOST is not a unix socket: run this on the engine's host")
	}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	resp, err := client.Post("http://docker/plugins/"+url.PathEscape(os.Args[1])+"/set", "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("set the plugin: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // the status says enough
		return fmt.Errorf("set the plugin: %s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	return nil
}
