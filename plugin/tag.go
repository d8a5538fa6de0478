package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// Bounds of what a tag template may make.
const (
	tagMaxBytes = 4 << 10
	padMax      = 4 << 10
)

var (
	errTagLong = fmt.Errorf("it makes more than %d bytes", tagMaxBytes)
	errPad     = fmt.Errorf("pad takes widths from 0 to %d", padMax)
	errLength  = errors.New("truncate takes a length of at least 0")
)

// parseTag parses a tag template. What it may use is Docker's (moby
// daemon/logger/loggerutils/log_tag.go, daemon/logger/templates).
func parseTag(text string) (*template.Template, error) {
	return template.New("tag").Funcs(template.FuncMap{
		"json":  tagJSON,
		"split": strings.Split,
		"join":  strings.Join,
		//nolint:staticcheck // SA1019: deprecated for its idea of a word, which is Docker's here
		"title":    strings.Title,
		"lower":    strings.ToLower,
		"upper":    strings.ToUpper,
		"pad":      tagPad,
		"truncate": tagTruncate,
	}).Parse(text)
}

// executeTag renders the tag of a container.
func (o Options) executeTag(info *Info) (string, error) {
	if o.tag == nil {
		return "", nil
	}
	var w tagWriter
	if err := o.tag.Execute(&w, info); err != nil {
		return "", &OptionError{o.tagKey, o.tagText, tagReason(err)}
	}
	return valid(w.String()), nil
}

// tagReason explains what is wrong with a template in terms of Docker's.
func tagReason(err error) string {
	// The package's errors start with "template: tag:1:9: " and may go on for
	// several clauses, of which the last one tells.
	why := err.Error()
	if i := strings.LastIndex(why, ">: "); i >= 0 {
		why = why[i+len(">: "):]
	} else if rest, ok := strings.CutPrefix(why, "template: tag:"); ok {
		why = rest
		if _, after, ok := strings.Cut(rest, ": "); ok {
			why = after
		}
	}
	return "must be a template with Docker's fields {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}}, {{.Command}}, {{.DaemonName}}, {{.Hostname}}: " + why
}

// tagWriter bounds a tag.
type tagWriter struct{ bytes.Buffer }

func (w *tagWriter) Write(p []byte) (int, error) {
	if w.Len()+len(p) > tagMaxBytes {
		return 0, errTagLong
	}
	return w.Buffer.Write(p)
}

func tagJSON(v any) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(buf.String()), nil
}

// tagPad surrounds s with spaces, unless it is empty.
func tagPad(s string, before, after int) (string, error) {
	if min(before, after) < 0 || max(before, after) > padMax {
		return "", errPad
	}
	if s == "" {
		return "", nil
	}
	return strings.Repeat(" ", before) + s + strings.Repeat(" ", after), nil
}

// tagTruncate cuts s to length bytes.
func tagTruncate(s string, length int) (string, error) {
	if length < 0 {
		return "", errLength
	}
	return s[:min(length, len(s))], nil
}
