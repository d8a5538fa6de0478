package plugin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/docker/go-units"

	"github.com/coldtail/coldtail/archiver"
	"github.com/coldtail/coldtail/codec"
)

// Options are a container's log-opts, parsed.
type Options struct {
	Stream archiver.Options // how its log is archived

	tag         *template.Template // nil: no tag
	tagText     string
	tagKey      string // who set it: for errors when it is executed
	labels, env selection
}

// OptionError is a log-opt that cannot be used. Its text is one sentence for
// whoever ran the container.
type OptionError struct {
	Key    string // the log-opt's name, or the COLDTAIL_OPT_… variable that gave its default
	Value  string
	Reason string // what is allowed
}

func (e *OptionError) Error() string {
	kind := "log-opt"
	if strings.HasPrefix(e.Key, envPrefix) {
		kind = "plugin setting"
	}
	// A parser's own errors quote what was given.
	return fmt.Sprintf("%s %s=%q: %s", kind, codec.Visible(clip(e.Key)), clip(e.Value), codec.Visible(e.Reason))
}

// clip keeps a sentence a sentence, whatever was given for a value.
func clip(v string) string {
	const most = 120
	if len(v) <= most {
		return v
	}
	return valid(v[:most]) + ellipsis
}

const ellipsis = "…"

// Bounds of the options. A smaller roll makes objects that cost more to store
// and list than their content; a larger one takes memory to encode and keeps too
// much on one host's disk only. Ages beyond an hour are moot, as every full hour
// seals too, and are allowed for those who think of it as "never".
const (
	rollSizeMin, rollSizeMax = 64 << 10, 1 << 30
	rollAgeMin, rollAgeMax   = time.Second, 24 * time.Hour
	// Below this the spool would be full of what a container writes between two uploads.
	maxSpoolMin = 1 << 20
)

// optionMaxBytes bounds each option's text.
const optionMaxBytes = 64 << 10

// option is a log-opt that coldtail knows.
type option struct {
	// parse checks value and stores it. It returns what is allowed where the value is not.
	parse func(p *parser, value string) (reason string)
	// description is one line, as in config.json, for what may have a plugin-wide default.
	description string
	// daemons marks what the daemon itself acts upon, before coldtail sees an entry.
	daemons bool
}

// parser collects the options that are computed from several log-opts.
type parser struct {
	key     string // of the option being parsed, as the user knows it
	opts    Options
	maxSize int64 // 0: not given
	maxFile int64
}

// options lists every log-opt.
func options() map[string]option {
	return map[string]option{
		"format": {
			parse:       (*parser).format,
			description: "parquet or ndjson; empty is parquet",
		},
		"roll-size": {
			parse:       (*parser).rollSize,
			description: "raw bytes after which a container's object is closed, 64k to 1g; empty is 64m",
		},
		"roll-age": {
			parse:       (*parser).rollAge,
			description: "age at which a container's object is closed, 1s to 24h; empty is 10m",
		},
		"overflow": {
			parse:       (*parser).overflow,
			description: "what happens when the spool is full: drop-old, drop-new or block; empty is drop-old",
		},
		"max-spool": {
			parse:       (*parser).maxSpool,
			description: "bytes of a container that may wait to be archived; empty is 4g",
		},
		"tag": {
			parse:       (*parser).tag,
			description: "template of the tag column, such as {{.Name}}/{{.ID}}; empty is none",
		},
		"labels": {
			parse:       func(p *parser, v string) string { return p.opts.labels.setNames(v) },
			description: "container labels to archive, separated by commas",
		},
		"labels-regex": {
			parse:       func(p *parser, v string) string { return p.opts.labels.setRegex(v) },
			description: "regular expression of container labels to archive",
		},
		"env": {
			parse:       func(p *parser, v string) string { return p.opts.env.setNames(v) },
			description: "container environment variables to archive, separated by commas",
		},
		"env-regex": {
			parse:       func(p *parser, v string) string { return p.opts.env.setRegex(v) },
			description: "regular expression of container environment variables to archive",
		},
		"max-size": {
			parse:       func(p *parser, v string) string { return parseSize(v, &p.maxSize) },
			description: "with max-file: the bound of a container's local cache; empty is 256m in all",
		},
		"max-file": {
			parse:       func(p *parser, v string) string { return parseCount(v, &p.maxFile) },
			description: "number of times max-size that a container's local cache may take; empty is 1",
		},

		"mode":            {parse: checkMode, daemons: true},
		"max-buffer-size": {parse: checkSize, daemons: true},
		"cache-disabled":  {parse: checkBool, daemons: true},
		"cache-max-size":  {parse: checkSize, daemons: true},
		"cache-max-file":  {parse: checkCount, daemons: true},
		"cache-compress":  {parse: checkBool, daemons: true},
	}
}

// OptionNames returns every log-opt's name, sorted.
func OptionNames() []string { return slices.Sorted(maps.Keys(options())) }

// ParseOptions parses a container's log-opts. Where the container does not give
// one, the default of that name counts (see EnvDefaults). Errors are *OptionError.
func ParseOptions(cfg, defaults map[string]string) (Options, error) {
	known := options()
	p := &parser{maxFile: 1, opts: Options{Stream: archiver.DefaultOptions()}}
	// Sorted, so that of several errors the same one is always reported.
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		key, value := EnvName(name), defaults[name]
		opt, ok := known[name]
		if !ok {
			return Options{}, &OptionError{key, value, unknownReason(name, EnvName, pluginWide(known))}
		}
		if opt.daemons {
			return Options{}, &OptionError{key, value, fmt.Sprintf("%s is the Docker daemon's own option and cannot be set for the plugin: use --log-opt or the daemon's log-opts", name)}
		}
		if _, own := cfg[name]; own {
			continue
		}
		if err := p.parse(opt, key, value); err != nil {
			return Options{}, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg)) {
		opt, ok := known[name]
		if !ok {
			return Options{}, &OptionError{name, cfg[name], unknownReason(name, strings.ToLower, OptionNames())}
		}
		if err := p.parse(opt, name, cfg[name]); err != nil {
			return Options{}, err
		}
	}
	if p.maxSize > 0 {
		p.opts.Stream.CacheBytes = saturatingMul(p.maxSize, p.maxFile)
	}
	return p.opts, nil
}

func (p *parser) parse(opt option, key, value string) error {
	p.key = key
	if len(value) > optionMaxBytes {
		return &OptionError{key, value, fmt.Sprintf("must be at most %d bytes long", optionMaxBytes)}
	}
	if reason := opt.parse(p, value); reason != "" {
		return &OptionError{key, value, reason}
	}
	return nil
}

// pluginWide returns the names of the options that may have a plugin-wide default.
func pluginWide(known map[string]option) []string {
	var names []string
	for name, opt := range known {
		if !opt.daemons {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (p *parser) format(v string) string {
	f, err := codec.ParseFormat(v)
	if err != nil {
		return "must be parquet or ndjson"
	}
	p.opts.Stream.Format = f
	return ""
}

func (p *parser) rollSize(v string) string {
	n, err := units.RAMInBytes(v)
	if err != nil || n < rollSizeMin || n > rollSizeMax {
		return "must be a size from 64k to 1g, such as 64m"
	}
	p.opts.Stream.RollBytes = n
	return ""
}

func (p *parser) rollAge(v string) string {
	d, err := time.ParseDuration(v)
	if err != nil || d < rollAgeMin || d > rollAgeMax {
		return "must be a duration from 1s to 24h, such as 10m"
	}
	p.opts.Stream.RollAge = d
	return ""
}

func (p *parser) overflow(v string) string {
	o := archiver.Overflow(v)
	if !slices.Contains(archiver.Overflows(), o) {
		return "must be drop-old, drop-new or block"
	}
	p.opts.Stream.Overflow = o
	return ""
}

func (p *parser) maxSpool(v string) string {
	n, err := units.RAMInBytes(v)
	if err != nil || n < maxSpoolMin {
		return "must be a size of at least 1m, such as 4g"
	}
	p.opts.Stream.SpoolBytes = n
	return ""
}

func (p *parser) tag(v string) string {
	p.opts.tag, p.opts.tagText, p.opts.tagKey = nil, "", ""
	if v == "" {
		return ""
	}
	t, err := parseTag(v)
	if err != nil {
		return tagReason(err)
	}
	p.opts.tag, p.opts.tagText, p.opts.tagKey = t, v, p.key
	return ""
}

func parseSize(v string, dst *int64) string {
	n, err := units.RAMInBytes(v)
	if err != nil || n <= 0 {
		return "must be a size greater than 0, such as 10m"
	}
	*dst = n
	return ""
}

func parseCount(v string, dst *int64) string {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 1 {
		return "must be a whole number of at least 1"
	}
	*dst = n
	return ""
}

func checkSize(_ *parser, v string) string {
	var n int64
	return parseSize(v, &n)
}

func checkCount(_ *parser, v string) string {
	var n int64
	return parseCount(v, &n)
}

func checkBool(_ *parser, v string) string {
	if _, err := strconv.ParseBool(v); err != nil {
		return "must be true or false"
	}
	return ""
}

func checkMode(_ *parser, v string) string {
	switch v {
	case "", "blocking", "non-blocking":
		return ""
	}
	return "must be blocking or non-blocking"
}

func saturatingMul(a, b int64) int64 {
	const limit = 1 << 62
	if a > limit/b {
		return limit
	}
	return a * b
}
