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

// Setting is an environment variable that the plugin heeds.
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
	descriptions := map[string]string{
		"format":       "parquet or ndjson; empty is parquet",
		"roll-size":    "raw bytes after which a container's object is closed, 64k to 1g; empty is 64m",
		"roll-age":     "age at which a container's object is closed, 1s to 24h; empty is 10m",
		"overflow":     "what happens when the spool is full: drop-old, drop-new or block; empty is drop-old",
		"max-spool":    "bytes of a container that may wait to be archived; empty is 4g",
		"tag":          "template of the tag column, such as {{.Name}}/{{.ID}}; empty is none",
		"labels":       "container labels to archive, separated by commas",
		"labels-regex": "regular expression of container labels to archive",
		"env":          "container environment variables to archive, separated by commas",
		"env-regex":    "regular expression of container environment variables to archive",
		"max-size":     "with max-file: the bound of a container's local cache; empty is 256m in all",
		"max-file":     "number of times max-size that a container's local cache may take; empty is 1",
	}
	for _, name := range pluginWide(options()) {
		s = append(s, Setting{EnvName(name), "default of the log-opt " + name + ": " + descriptions[name]})
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
