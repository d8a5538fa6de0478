package main

import (
	"errors"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"strings"

	"github.com/coldtail/coldtail/codec"
)

// Messages hold what others wrote: keys and names in the bucket, a store's
// answers, paths. None of it reaches a terminal as it is, and no secret of the
// environment reaches it at all.

// message is a failed command's: a line for each error that was joined.
func (a *app) message(err error) string {
	var b strings.Builder
	b.WriteString("coldtail: ")
	for _, e := range joined(err) {
		b.WriteString(a.line(e))
		b.WriteByte('\n')
	}
	return b.String()
}

// line is an error in one line.
func (a *app) line(err error) string { return a.hidden().Replace(codec.OneLine(err)) }

// joined returns the errors that errors.Join made one of, or err.
func joined(err error) (all []error) {
	var j interface{ Unwrap() []error }
	if !errors.As(err, &j) {
		return []error{err}
	}
	var texts []string
	for _, e := range j.Unwrap() {
		all = append(all, joined(e)...)
		texts = append(texts, e.Error())
	}
	if strings.Join(texts, "\n") != err.Error() {
		return []error{err} // it says more than its parts
	}
	return all
}

// hidden hides the secrets of the environment.
func (a *app) hidden() *strings.Replacer {
	a.hide.Do(func() { a.replacer = hiding(secretsIn(a.environ)) })
	return a.replacer
}

// minSecret is the length below which replacing would hit ordinary words.
const minSecret = 4

// hiding returns a replacer of secrets, in any of the forms that errors have
// them in.
func hiding(secrets []string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), codec.Visible(s)} {
			pairs = append(pairs, form, "***")
		}
	}
	return strings.NewReplacer(pairs...)
}

// userInfo is what is before the host in a URL that may be malformed.
var userInfo = regexp.MustCompile(`//[^/?#]*@`)

// secretsIn returns the secrets in an environment: of variables that are called
// so, and the passwords in addresses.
func secretsIn(environ []string) (secrets []string) {
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if secretName(name) {
			secrets = append(secrets, value)
			continue
		}
		for _, user := range userInfo.FindAllString(value, -1) {
			_, password, ok := strings.Cut(strings.Trim(user, "/@"), ":")
			if !ok {
				continue
			}
			secrets = append(secrets, password)
			if plain, err := url.PathUnescape(password); err == nil && plain != password {
				secrets = append(secrets, plain)
			}
		}
	}
	return secrets
}

func secretName(name string) bool {
	if strings.HasSuffix(name, "_FILE") {
		return false
	}
	for _, part := range []string{"SECRET", "TOKEN", "PASSWORD", "ACCESS_KEY"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// hideInLog hides secrets in what the process logs. The handler quotes the rest.
func (a *app) hideInLog(_ []string, attr slog.Attr) slog.Attr {
	switch v := attr.Value.Any().(type) {
	case string:
		attr.Value = slog.StringValue(a.hidden().Replace(v))
	case error:
		attr.Value = slog.StringValue(a.hidden().Replace(v.Error()))
	}
	return attr
}

// visibleJSON writes what a JSON encoder does, for a terminal.
type visibleJSON struct{ w io.Writer }

func (v visibleJSON) Write(js []byte) (int, error) {
	if _, err := v.w.Write(codec.VisibleJSON(js)); err != nil {
		return 0, err
	}
	return len(js), nil
}
