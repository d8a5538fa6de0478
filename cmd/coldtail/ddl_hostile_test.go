package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/cmd/coldtail/ddl"
	"github.com/coldtail/coldtail/cmd/coldtail/ddl/ddltest"
)

// hostileWord is what a hostile place has, where a harmless one has this.
const hostileWord = "PLACEHOLDER"

// TestDDLHostile: whatever a place is called, it is refused, or the statement is
// the same but for the texts that name the place.
func TestDDLHostile(t *testing.T) {
	words := []string{
		`it's`, `' OR '1'='1`, `';DROP TABLE x;--`, `\' OR 1=1 --`, `\`, `\\'`, "a\nDROP TABLE x", "\r\n", `"; DROP`, "`; DROP", `*/ x /*`, `--`,
		`%27`, `%5C'`, `$x`, `${dt}`, `*`, "\u202e", "\x1b[31m", "\x9b", "\u2028DROP", "\xff", `#`, `a;b`, `&x=y`, ` `, `<>`, `\u0027`,
	}
	places := map[string]func(word string) (bucket string, env []string){
		"prefix": func(w string) (string, []string) { return "s3://logs/" + url.PathEscape(w), nil },
		"raw":    func(w string) (string, []string) { return "s3://logs/" + w, nil },
		"folder": func(w string) (string, []string) { return "file:///x/" + url.PathEscape(w) + "/y", nil },
		"endpoint": func(w string) (string, []string) {
			return "s3://logs/p?endpoint=" + url.QueryEscape("http://host/"+w), nil
		},
		"path": func(w string) (string, []string) {
			return "s3://logs/p?endpoint=" + url.QueryEscape("http://host/"+url.PathEscape(w)), nil
		},
		"host":   func(w string) (string, []string) { return "minio://" + w + "/logs", nil },
		"region": func(w string) (string, []string) { return "s3://logs?region=" + url.QueryEscape(w), nil },
		"AWS_REGION": func(w string) (string, []string) {
			return "s3://logs", []string{"AWS_REGION=" + w, "AWS_ENDPOINT_URL_S3=http://host"}
		},
		"AWS_DEFAULT_REGION": func(w string) (string, []string) {
			return "s3://logs", []string{"AWS_DEFAULT_REGION=" + w, "AWS_ENDPOINT_URL_S3=http://host"}
		},
		"AWS_ENDPOINT_URL_S3": func(w string) (string, []string) {
			return "s3://logs", []string{"AWS_ENDPOINT_URL_S3=http://host/" + w}
		},
		"AWS_ENDPOINT_URL": func(w string) (string, []string) { return "s3://logs", []string{"AWS_ENDPOINT_URL=http://" + w} },
	}
	printed := 0
	for name, place := range places {
		for _, e := range ddl.Engines() {
			for _, format := range []string{"parquet", "ndjson"} {
				ddl := func(word string) result {
					bucket, env := place(word)
					h := newHome(t)
					h.env = append(h.env, env...)
					return h.run(nil, "ddl", e, "--format", format, "--bucket", bucket)
				}
				harmless := ddl(hostileWord)
				model, err := ddltest.Tokens(e, harmless.stdout)
				if err != nil {
					t.Fatalf("%s: %v", e, err)
				}
				for _, word := range words {
					if name == "raw" && word == "#" {
						continue // an empty fragment: not in the prefix
					}
					res := ddl(word)
					wantVisible(t, "stderr", res.stderr)
					if res.status != exitOK {
						if res.status != exitUsage || res.stdout != "" {
							t.Errorf("%s, %s, %q: %+v", e, name, word, res)
						}
						continue
					}
					printed++
					wantVisible(t, "stdout", res.stdout)
					got, err := ddltest.Tokens(e, res.stdout)
					if err != nil || len(got) != len(model) {
						t.Errorf("%s, %s, %q: %d parts, want %d, %v\n%s", e, name, word, len(got), len(model), err, res.stdout)
						continue
					}
					plain, err := url.PathUnescape(word)
					if err != nil {
						plain = word
					}
					forms := []string{word, plain, url.PathEscape(word), (&url.URL{Path: word}).EscapedPath(), (&url.URL{Path: plain}).EscapedPath(), strings.TrimRight(word, "/")}
					for i := range got {
						same := slices.ContainsFunc(forms, func(form string) bool {
							return got[i].Text == strings.ReplaceAll(model[i].Text, hostileWord, form)
						})
						if got[i].Kind != model[i].Kind || !same || got[i].Kind == "" && got[i] != model[i] {
							t.Errorf("%s, %s, %q: %q, want %q", e, name, word, got[i], model[i])
						}
					}
				}
			}
		}
	}
	if printed < 100 {
		t.Errorf("only %d statements were printed", printed)
	}
}
