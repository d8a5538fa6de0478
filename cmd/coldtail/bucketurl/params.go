package bucketurl

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/docker/go-units"
)

// params takes parameters out of a URL's query, or else out of the environment,
// and remembers the first that is wrong.
type params struct {
	scheme string
	values url.Values
	getenv func(string) string
	asked  []string
	first  error
}

// text returns a parameter's value, or "".
func (p *params) text(name string) string {
	p.asked = append(p.asked, name)
	values, ok := p.values[name]
	v := p.getenv(EnvName(name))
	if ok {
		v = values[0]
	}
	switch {
	case len(values) > 1:
		p.fail("%s is given more than once", name)
	case ok && v == "":
		p.fail("%s is empty", name)
	case strings.TrimSpace(v) != v, strings.ContainsFunc(v, unicode.IsControl):
		p.fail("%s=%q must not have blanks or a line's end around it, nor control characters in it", p.label(name), clip(v))
	}
	return v
}

// clip keeps a sentence a sentence, whatever was given for a value.
func clip(v string) string {
	const most = 120
	if len(v) <= most {
		return v
	}
	return strings.ToValidUTF8(v[:most], "") + "…"
}

// label is what the user called the parameter.
func (p *params) label(name string) string {
	if p.values.Has(name) {
		return name
	}
	return EnvName(name)
}

func (p *params) fail(format string, args ...any) {
	if p.first == nil {
		p.first = fmt.Errorf(format, args...)
	}
}

// wrong says that a parameter's value is not what Options allows.
func (p *params) wrong(name, value string) {
	for _, o := range Options() {
		if o.Name == name {
			p.fail("%s=%q must be %s", p.label(name), clip(value), o.Values)
		}
	}
}

func (p *params) boolean(name string, byDefault bool) bool {
	v := p.text(name)
	if v == "" {
		return byDefault
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		p.wrong(name, v)
	}
	return b
}

// matching is a parameter's value in full match with an expression. It is also
// checked so that a value that a client would refuse before each request does
// not pass for an outage, and is not repeated for ever.
func (p *params) matching(name string, allowed *regexp.Regexp) string {
	v := p.text(name)
	if v != "" && !allowed.MatchString(v) {
		p.wrong(name, v)
	}
	return v
}

// oneOf is a parameter's value among some, whose case does not matter.
func (p *params) oneOf(name string, allowed ...string) string {
	v := p.text(name)
	if v == "" {
		return ""
	}
	for _, a := range allowed {
		if strings.EqualFold(a, v) {
			return a
		}
	}
	p.wrong(name, v)
	return ""
}

// size is a number of bytes within bounds, or byDefault.
func (p *params) size(name string, least, most, byDefault int64) int64 {
	v := p.text(name)
	if v == "" {
		return byDefault
	}
	n, err := units.RAMInBytes(v)
	if err != nil || n < least || n > most {
		p.wrong(name, v)
	}
	return n
}

func (p *params) number(name string, least, most, byDefault int) int {
	v := p.text(name)
	if v == "" {
		return byDefault
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		p.wrong(name, v)
	}
	return n
}

func (p *params) endpoint(name string) string {
	v := p.text(name)
	if v == "" {
		return ""
	}
	switch named, ok := checkEndpoint(v); {
	case named:
		p.fail("%s must not contain a user name or password: name a file with credentials-file", p.label(name))
	case !ok:
		p.wrong(name, v)
	}
	return v
}

// checkEndpoint reports whether an address names a user, and whether it is one.
func checkEndpoint(v string) (named, ok bool) {
	u, err := url.Parse(v)
	named = strings.Contains(v, "@") // wherever it is taken to be: passwords may have slashes
	return named, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && validPort(u) && u.RawQuery == "" && u.Fragment == ""
}

// validPort reports whether an address has a port that there can be, or none. To
// dial another one would pass for an outage, and be repeated for ever.
func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// needs fails where one parameter is set and another, without which it would
// have no effect, is not.
func (p *params) needs(name string, set bool, other string, otherSet bool) {
	if set && !otherSet {
		p.fail("%s needs %s", p.label(name), other)
	}
}

// isName is what might be a parameter's name, unlike a secret without one.
var isName = regexp.MustCompile(`^[a-z][a-z_-]{0,30}$`)

// err is the first wrong parameter, or one that the scheme does not have. The
// value of such a one is not shown: it may be a secret in the wrong place.
func (p *params) err() error {
	if p.first != nil {
		return p.first
	}
	allowed := optionsOf(p.scheme)
	var unknown []string
	for name := range p.values {
		if !slices.Contains(allowed, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		if !isName.MatchString(unknown[0]) {
			return fmt.Errorf("unknown parameter: %s:// allows %s", p.scheme, strings.Join(allowed, ", "))
		}
		return fmt.Errorf("unknown parameter %q: %s:// allows %s%s", unknown[0], p.scheme, strings.Join(allowed, ", "), whose(unknown[0]))
	}
	for _, o := range Options() {
		if !slices.Contains(allowed, o.Name) && p.getenv(o.Env()) != "" {
			return fmt.Errorf("%s is set, but only %s has %s: unset it, or change the bucket's URL", o.Env(), takers(o), o.Name)
		}
	}
	return nil
}

// whose tells where a parameter belongs that a scheme does not have.
func whose(name string) string {
	for _, o := range Options() {
		if o.Name == name {
			return "; " + takers(o) + " has " + name
		}
	}
	return ""
}
