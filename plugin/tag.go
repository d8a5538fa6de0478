package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"text/template"
	"unicode/utf8"

	"github.com/coldtail/coldtail/codec"
)

// tagTextMax bounds a template's text, and so the number of its nodes.
const tagTextMax = 4 << 10

// errTagLong tells that a container brings more than a tag may have. It is cut.
var errTagLong = errors.New("the tag becomes too long")

// parseTag parses a tag template that ends, with bounded results, whatever the
// container brings: one without loops, variables and templates of its own. What it
// may use is Docker's (moby daemon/logger/loggerutils/log_tag.go, daemon/logger/templates).
func parseTag(text string) (*template.Template, error) {
	if len(text) > tagTextMax {
		return nil, fmt.Errorf("it is longer than %d bytes", tagTextMax)
	}
	t, err := template.New("tag").Funcs(tagFuncs()).Parse(text)
	if err != nil {
		return nil, tagCause(err)
	}
	return t, checkTag(t)
}

// executeTag renders the tag of a container and reports whether it had to be cut.
func (o Options) executeTag(info *Info) (tag string, cut bool, err error) {
	if o.tag == nil {
		return "", false, nil
	}
	info.extraMap, info.extra = nil, func() map[string]string { return o.extraAttributes(info) }
	w := tagWriter{left: codec.BoundsOf(o.Stream.Format).Tag - len(ellipsis)}
	if err := o.tag.Execute(&w, info); errors.Is(err, errTagLong) {
		return valid(whole(w.String())) + ellipsis, true, nil
	} else if err != nil {
		return "", false, &OptionError{o.tagKey, o.tagText, tagReason(tagCause(err))}
	}
	return valid(w.String()), false, nil
}

// whole removes a character at the end of s of which only a part is there.
func whole(s string) string {
	for range utf8.UTFMax - 1 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// tagReason explains what is wrong with a template in terms of Docker's.
func tagReason(err error) string {
	return "must be a template with Docker's fields {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}}, {{.Command}}, {{.DaemonName}}, {{.Hostname}}, {{(.ExtraAttributes nil).NAME}}: " + clip(err.Error())
}

// tagWriter bounds a tag.
type tagWriter struct {
	bytes.Buffer
	left int
}

func (w *tagWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	w.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errTagLong
	}
	return n, nil
}
