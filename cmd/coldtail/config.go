package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/coldtail/coldtail/archiver/statedir"
	"github.com/coldtail/coldtail/cmd/coldtail/bucketurl"
	"github.com/coldtail/coldtail/plugin"
)

// config is what several commands share. A flag counts before its environment
// variable, and that before the default.
type config struct {
	bucket   string
	state    string
	logLevel string
	logOpts  []string // "name=value"
	spool    string   // size; "" is the archiver's default
	cache    string   // likewise
	bound    string   // of the folder where no bucket is named
}

// pluginState is the plugin's state directory. In a managed plugin it is a link
// to the propagated mount, where the daemon's FIFOs are too.
const pluginState = "/var/lib/coldtail"

// folderBound bounds the folder that serves as a bucket where none is named.
const folderBound = "10g"

func (c *config) addBucket(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.bucket, "bucket", "", "`URL` of the archive: file:///path, s3://bucket/prefix or minio://host:port/bucket/prefix ($"+plugin.EnvBucket+"; default: a folder in the state directory)")
}

func (c *config) addState(cmd *cobra.Command, def string) {
	cmd.Flags().StringVar(&c.state, "state", "", "`directory` of the spool and the cache ($"+plugin.EnvState+"; default "+def+")")
}

func (c *config) addLogLevel(cmd *cobra.Command, def string) {
	cmd.Flags().StringVar(&c.logLevel, "log-level", "", "debug, info, warn or error ($"+plugin.EnvLogLevel+"; default "+def+")")
}

func (c *config) addLogOpts(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.logOpts, "log-opt", nil, "`name=value`: default of a log-opt for every container; may be repeated ($"+plugin.EnvName("NAME")+")")
}

func (c *config) addSizes(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.spool, "spool-size", "", "`size` of what may wait to be archived, of all containers ($"+plugin.EnvSpool+"; default 16g)")
	cmd.Flags().StringVar(&c.cache, "cache-size", "", "`size` of what stays here after archiving, of all containers ($"+plugin.EnvCache+"; default 4g)")
}

// sizes returns the bounds of the spool and the cache; 0 is the default.
func (c *config) sizes(a *app) (spoolBytes, cacheBytes int64, err error) {
	for _, s := range []struct {
		flag, env, value string
		to               *int64
	}{{"--spool-size", plugin.EnvSpool, c.spool, &spoolBytes}, {"--cache-size", plugin.EnvCache, c.cache, &cacheBytes}} {
		v := cmp.Or(s.value, a.getenv(s.env))
		if v == "" {
			continue
		}
		n, perr := units.RAMInBytes(v)
		if perr != nil || n <= 0 {
			err = errors.Join(err, fmt.Errorf("%s (%s) %q: must be a size greater than 0, such as 16g", s.env, s.flag, v))
			continue
		}
		*s.to = n
	}
	return spoolBytes, cacheBytes, err
}

// resolve fills in what the flags do not say.
func (c *config) resolve(a *app, defaultState string) error {
	c.state = cmp.Or(c.state, a.getenv(plugin.EnvState), defaultState)
	if c.state == "" {
		return usagef("there is no home directory for the state: name one with --state")
	}
	var err error
	if c.state, err = filepath.Abs(c.state); err != nil {
		return fmt.Errorf("find state directory: %w", err)
	}
	c.bucket = cmp.Or(c.bucket, a.getenv(plugin.EnvBucket))
	c.bound = cmp.Or(a.getenv(bucketurl.EnvName("max-size")), folderBound)
	c.logLevel = cmp.Or(c.logLevel, a.getenv(plugin.EnvLogLevel))
	return nil
}

// bucketURL is the archive's, and whether it is the folder that stands in for
// one.
func (c *config) bucketURL() (rawURL string, folder bool) {
	if c.bucket != "" {
		return c.bucket, false
	}
	u := url.URL{Scheme: "file", Path: statedir.Path(c.state).Bucket(), RawQuery: "max-size=" + url.QueryEscape(cmp.Or(c.bound, folderBound))}
	return u.String(), true
}

// optionDefaults are the plugin-wide defaults of log-opts, of environment and flags.
func (c *config) optionDefaults(a *app) (map[string]string, error) {
	defaults := plugin.EnvDefaults(a.environ)
	for _, opt := range c.logOpts {
		name, value, ok := strings.Cut(opt, "=")
		if !ok || name == "" {
			return nil, usagef("--log-opt %q: must be name=value", opt)
		}
		defaults[name] = value
	}
	return defaults, nil
}

// toolState is the state directory of the commands that are no plugin.
func (a *app) toolState() string {
	if dir := a.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "coldtail")
	}
	if home := a.getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "coldtail")
	}
	return ""
}

const toolStateDefault = "$XDG_STATE_HOME/coldtail or ~/.local/state/coldtail"

var errLevel = errors.New("must be debug, info, warn or error")

// logger returns the process's own log. It is usable, at level def, also where
// the configured level is wrong.
func (c *config) logger(a *app, def slog.Level) (*slog.Logger, error) {
	level := def
	var err error
	if c.logLevel != "" {
		if uerr := level.UnmarshalText([]byte(c.logLevel)); uerr != nil {
			level = def
			err = fmt.Errorf("log level %q: %w", c.logLevel, errLevel)
		}
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: a.hideInLog})), err
}
