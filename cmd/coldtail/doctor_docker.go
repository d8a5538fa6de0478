package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/docker/go-units"

	"github.com/coldtail/coldtail/cmd/coldtail/probe"
	"github.com/coldtail/coldtail/plugin"
)

// minAPI is the API of Docker Engine 20.10, the oldest that coldtail is tested with.
// Versions of engines do not compare: moby counts anew from 2.0, and builds of a
// branch have names.
const (
	minAPIMajor, minAPIMinor = 1, 41
	minEngine                = "20.10"
)

// checkEngine checks the Docker engine's version and how it talks to the plugin.
func (d *doctor) checkEngine(ctx context.Context) {
	type answer struct {
		Version string
		API     string `json:"ApiVersion"`
		err     error
	}
	var got answer
	ok := d.engine != nil
	if ok {
		got, ok = within(ctx, d.timeout, func(ctx context.Context) answer {
			var a answer
			a.err = d.engine.get(ctx, "/version", &a)
			return a
		})
	}
	ok = ok && got.err == nil
	switch {
	case ok:
		d.reportAs("docker", judgeEngine(got.Version, got.API))
	case got.err != nil:
		d.reportAs("docker", skipping("start the engine, or run doctor as root; coldtail pipe and logs need none", "%v", got.err))
	case d.engine == nil:
		d.reportAs("docker", skipping("run doctor on the engine's host, where the plugin runs", "DOCKER_HOST is not a unix socket"))
	default:
		d.reportAs("docker", failing("see the engine's log", "it does not answer within %v", d.timeout))
	}
	if ok && d.slow {
		d.followForTimeout(ctx)
		return
	}
	d.reportAs(nameClientTimeout, d.clientTimeout(ok))
}

// judgeEngine goes by the newest API that an engine speaks.
func judgeEngine(version, api string) probe.Result {
	var major, minor int
	if _, err := fmt.Sscanf(api, "%d.%d", &major, &minor); err != nil {
		return skipping("", "engine %q does not say which API it speaks: %q", version, api)
	}
	if cmp.Or(cmp.Compare(major, minAPIMajor), cmp.Compare(minor, minAPIMinor)) < 0 {
		return failing("upgrade it to "+minEngine+" or newer", "engine %s is too old", version)
	}
	return passing("engine %s", version)
}

const (
	nameClientTimeout = "client timeout"
	// clientTimeout is the engine's default in docker plugin enable.
	clientTimeout = 30 * time.Second
	followFor     = clientTimeout + 5*time.Second
)

// remedyTimeout names the containers too: the engine keeps a container's
// connection to the plugin, with its timeout, until the container is started again.
func (d *doctor) remedyTimeout() string {
	name := "coldtail:dev"
	if d.managed != nil {
		name = d.managed.Name
	}
	return fmt.Sprintf("docker plugin disable -f %s && docker plugin enable --timeout 0 %s, then restart the containers that log with it", name, name)
}

// clientTimeout says what can be known without waiting. The engine keeps the
// timeout in its memory only: neither its API nor its files show it
// (daemon/pkg/plugin/v2: Plugin.timeout has no JSON).
func (d *doctor) clientTimeout(answers bool) probe.Result {
	switch {
	case !answers:
		return skipping("", "no engine answers")
	case d.managed == nil:
		return skipping("", "no managed plugin is checked; for a plugin on a plain socket Docker has no timeout")
	}
	return skipping("run coldtail doctor --slow while a container logs with it; if unsure: "+d.remedyTimeout(),
		"Docker shows nowhere whether the plugin was enabled with --timeout 0; without, it cuts docker logs after %v", clientTimeout)
}

// followForTimeout follows a running container's log for longer than the timeout.
func (d *doctor) followForTimeout(ctx context.Context) {
	slow := *d
	slow.timeout = d.timeout + followFor
	slow.check(ctx, nameClientTimeout, func(ctx context.Context) probe.Result {
		if d.managed == nil {
			return d.clientTimeout(true)
		}
		id, err := d.containerOf(ctx)
		if err != nil {
			return skipping("", "%v", err)
		}
		if id == "" {
			return skipping("start a container with --log-driver "+d.managed.Name+" and try again", "no running container logs with %s", d.managed.Name)
		}
		return d.follow(ctx, id)
	})
}

func (d *doctor) follow(ctx context.Context, id string) probe.Result {
	ctx, cancel := context.WithTimeout(ctx, followFor)
	defer cancel()
	began := time.Now()
	body, err := d.engine.open(ctx, "/containers/"+id+"/logs?follow=1&stdout=1&stderr=1&tail=0")
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		_ = body.Close()
	}
	took := time.Since(began).Round(time.Second)
	if ctx.Err() != nil {
		return passing("docker logs -f lives longer than %v", followFor-5*time.Second)
	}
	check, cancelCheck := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancelCheck()
	var c struct{ State struct{ Running bool } }
	if ierr := d.engine.get(check, "/containers/"+id+"/json", &c); ierr != nil || !c.State.Running {
		return skipping("try again", "the container that was followed has ended")
	}
	if took < clientTimeout-5*time.Second {
		return failing("see the engine's log", "docker logs -f ended after %v (%v)", took, err)
	}
	return failing(d.remedyTimeout(), "docker logs -f was cut after %v: the plugin was enabled without --timeout 0", took)
}

// containerOf finds a running container that logs with the plugin.
func (d *doctor) containerOf(ctx context.Context) (id string, err error) {
	var running []struct{ ID string }
	if err := d.engine.get(ctx, "/containers/json", &running); err != nil {
		return "", err
	}
	for _, r := range running {
		var c struct {
			HostConfig struct{ LogConfig struct{ Type string } }
		}
		if err := d.engine.get(ctx, "/containers/"+r.ID+"/json", &c); err != nil {
			continue // it has ended
		}
		if sameName(c.HostConfig.LogConfig.Type, d.managed.Name) {
			return r.ID, nil
		}
	}
	return "", nil
}

// checkPlugin asks the plugin itself.
func (d *doctor) checkPlugin(ctx context.Context) {
	d.check(ctx, "plugin", func(ctx context.Context) probe.Result {
		socket := ""
		if d.managed != nil {
			if !d.managed.Enabled {
				return failing("docker plugin enable --timeout 0 "+d.managed.Name, "%s is not enabled", d.managed.Name)
			}
			socket = filepath.Join(pluginsDir, d.managed.ID, filepath.Base(defaultSocket))
		}
		body, err := ask(ctx, http.MethodGet, socket, "/status")
		var ue *usageError
		switch {
		case d.managed != nil && err != nil:
			return failing("see the engine's log; only root may ask", "%v", err)
		case errors.As(err, &ue):
			return skipping("", "several coldtail plugins answer, and none was chosen")
		case err != nil:
			return skipping("", "%v", err)
		}
		var st plugin.Status
		if err := json.Unmarshal(body, &st); err != nil {
			return skipping("", "the plugin's answer cannot be read; it is of another version")
		}
		return judgePlugin(&st)
	})
}

// oldWarns is how long something waits at most in health: as long as a segment
// of the default roll-age and an upload that is repeated a few times.
const oldWarns = 30 * time.Minute

func judgePlugin(st *plugin.Status) probe.Result {
	switch {
	case st.Problem != "":
		return failing("correct it; the plugin goes on by itself or after disable and enable", "%s", st.Problem)
	case !st.Ready || st.Archiver == nil:
		return warning("try again; see the engine's log", "it is still starting")
	}
	a := st.Archiver
	attached := 0
	for _, s := range a.Streams {
		if s.FIFOs > 0 {
			attached++ // a container may have several FIFOs
		}
	}
	detail := fmt.Sprintf("version %s, %d containers attached, %s not archived yet", st.Version, attached, units.BytesSize(float64(a.PendingBytes)))
	switch {
	case a.LastError != "":
		return warning("see to the bucket's checks above; what waits is uploaded once it can be", "%s; last error: %s", detail, a.LastError)
	case st.Unattached > 0 || st.Quarantined > 0:
		return warning("restart these containers; the engine's log names them", "%s; %d pipes could not be attached again", detail, st.Unattached+st.Quarantined)
	case a.OldestAgeSec > oldWarns.Seconds():
		return warning("see the engine's log, or raise nothing if roll-age is longer than that", "%s, the oldest for %v", detail, time.Duration(a.OldestAgeSec*float64(time.Second)).Round(time.Second))
	}
	return passing("%s", detail)
}
