package plugin

import "strings"

// envPrefix starts the variables that give a log-opt's plugin-wide default.
const envPrefix = "COLDTAIL_OPT_"

// The plugin's own settings.
const (
	EnvBucket   = "COLDTAIL_BUCKET"
	EnvState    = "COLDTAIL_STATE"
	EnvLogLevel = "COLDTAIL_LOG_LEVEL"
	EnvSpool    = "COLDTAIL_SPOOL_SIZE"
	EnvCache    = "COLDTAIL_CACHE_SIZE"
)

// Setting is an environment variable that the plugin reads.
type Setting struct {
	Env         string
	Description string // one line, as in config.json
}

// Settings lists the plugin's variables: its own, then the defaults of log-opts.
// Those of the object stores' SDKs are not among them.
func Settings() []Setting {
	s := []Setting{
		{EnvBucket, "where logs are archived: file:///path?max-size=10g, s3://bucket/prefix?region=… or minio://host:port/bucket/prefix; empty is a folder of at most 10g in the plugin's state, for trying out"},
		{EnvState, "directory of the spool and the cache; empty is /var/lib/coldtail, which survives upgrades of the plugin"},
		{EnvSpool, "bytes of all containers that may wait to be archived; empty is 16g"},
		{EnvCache, "archived bytes of all containers that stay on the host; empty is 4g"},
		{EnvLogLevel, "debug, info, warn or error; empty is info"},
	}
	known := options()
	for _, name := range pluginWide(known) {
		s = append(s, Setting{EnvName(name), "default of the log-opt " + name + ": " + known[name].description})
	}
	return s
}

// EnvName is the variable that gives the default of a log-opt: roll-size is
// COLDTAIL_OPT_ROLL_SIZE.
func EnvName(option string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// EnvDefaults finds the plugin-wide defaults in an environment ("NAME=value").
// Empty ones do not count: config.json has to give every variable a value. They
// are not checked here but when a container is started, whose user then reads
// what is wrong.
func EnvDefaults(environ []string) map[string]string {
	defaults := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		opt, ok := strings.CutPrefix(name, envPrefix)
		if !ok || value == "" {
			continue
		}
		defaults[strings.ToLower(strings.ReplaceAll(opt, "_", "-"))] = value
	}
	return defaults
}
