package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coldtail/coldtail/codec/randtest"
)

// sqlToken is a part of a statement: a text in quotes, a name in quotes, a
// comment, or what is between them.
type sqlToken struct{ kind, text string }

// sqlTokens parts SQL as the engine does. In a text of athena, hive, spark and
// clickhouse a backslash escapes; in all, a doubled quote is one, but in
// athena's, hive's and spark's DDL, where two texts follow each other.
func sqlTokens(engine, sql string) (tokens []sqlToken, err error) {
	escapes := engine != "trino" && engine != "duckdb"
	doubles := !escapes || engine == "clickhouse"
	plain := ""
	flush := func() {
		if plain != "" {
			tokens = append(tokens, sqlToken{"", plain})
		}
		plain = ""
	}
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case strings.HasPrefix(sql[i:], "--"):
			flush()
			line, _, _ := strings.Cut(sql[i:], "\n")
			tokens = append(tokens, sqlToken{"--", line})
			i += len(line)
		case strings.HasPrefix(sql[i:], "/*") || c == '#':
			return nil, fmt.Errorf("a comment at %q", sql[i:])
		case c == '\'' || c == '`' || c == '"':
			flush()
			text, n, err := sqlQuoted(sql[i:], escapes && c == '\'', doubles || c != '\'')
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, sqlToken{string(c), text})
			i += n
		default:
			plain += string(c)
			i++
		}
	}
	flush()
	return tokens, nil
}

// sqlQuoted reads a quoted part and returns what it stands for, and its length.
func sqlQuoted(sql string, escapes, doubles bool) (text string, n int, err error) {
	var b []byte
	for i := 1; i < len(sql); i++ {
		switch {
		case escapes && sql[i] == '\\' && i+1 < len(sql):
			c, size := sqlEscape(sql[i+1:])
			b = append(b, c...)
			i += size
		case sql[i] == sql[0] && doubles && i+1 < len(sql) && sql[i+1] == sql[0]:
			b = append(b, sql[0])
			i++
		case sql[i] == sql[0]:
			return string(b), i + 1, nil
		default:
			b = append(b, sql[i])
		}
	}
	return "", 0, fmt.Errorf("no end of %.40q", sql)
}

// sqlEscape is what comes after a backslash, and its length: of all that Hive
// (BaseSemanticAnalyzer.unescapeSQLString), Spark (SparkParserUtils) and
// ClickHouse (parseEscapeSequence) know.
func sqlEscape(s string) (text string, n int) {
	simple := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'b': "\b", 'f': "\f", '0': "\x00", 'Z': "\x1a", 'a': "\a", 'v': "\v", 'e': "\x1b"}
	if c, ok := simple[s[0]]; ok {
		return c, 1
	}
	if len(s) >= 5 && s[0] == 'u' {
		if r, err := strconv.ParseUint(s[1:5], 16, 16); err == nil {
			return string(rune(r)), 5
		}
	}
	if len(s) >= 3 && s[0] == 'x' {
		if r, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
			return string([]byte{byte(r)}), 3
		}
	}
	if len(s) >= 3 {
		if r, err := strconv.ParseUint(s[:3], 8, 8); err == nil {
			return string([]byte{byte(r)}), 3
		}
	}
	if s[0] == '%' || s[0] == '_' { // kept for LIKE
		return `\` + s[:1], 1
	}
	return s[:1], 1
}

// TestDDLLiterals: a literal is read as what it was made of, whatever that is.
func TestDDLLiterals(t *testing.T) {
	rnd := randtest.New(t)
	parts := []string{`'`, `\`, `''`, `\'`, `\\`, `"`, "`", `--`, `/*`, `;`, `\n`, `\u0027`, `\047`, `\x27`, `\%`, `\_`, `%`, ` OR 1=1`, `a`, "\n", "\x00", "é", "\u202e"}
	for range 20_000 {
		var b strings.Builder
		for range rnd.IntN(8) {
			b.WriteString(parts[rnd.IntN(len(parts))])
		}
		want := b.String()
		for _, e := range ddlEngines {
			tokens, err := sqlTokens(e.name, "SELECT "+e.text(want)+";")
			if err != nil || len(tokens) != 3 || tokens[1] != (sqlToken{"'", want}) || tokens[2].text != ";" {
				t.Fatalf("%s: %q became %q: %q, %v", e.name, want, e.text(want), tokens, err)
			}
		}
	}
}

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
		for _, e := range ddlEngines {
			for _, format := range []string{"parquet", "ndjson"} {
				ddl := func(word string) result {
					bucket, env := place(word)
					h := newHome(t)
					h.env = append(h.env, env...)
					return h.run(nil, "ddl", e.name, "--format", format, "--bucket", bucket)
				}
				harmless := ddl(hostileWord)
				model, err := sqlTokens(e.name, harmless.stdout)
				if err != nil {
					t.Fatalf("%s: %v", e.name, err)
				}
				for _, word := range words {
					if name == "raw" && word == "#" {
						continue // an empty fragment: not in the prefix
					}
					res := ddl(word)
					wantVisible(t, "stderr", res.stderr)
					if res.status != exitOK {
						if res.status != exitUsage || res.stdout != "" {
							t.Errorf("%s, %s, %q: %+v", e.name, name, word, res)
						}
						continue
					}
					printed++
					wantVisible(t, "stdout", res.stdout)
					got, err := sqlTokens(e.name, res.stdout)
					if err != nil || len(got) != len(model) {
						t.Errorf("%s, %s, %q: %d parts, want %d, %v\n%s", e.name, name, word, len(got), len(model), err, res.stdout)
						continue
					}
					plain, err := url.PathUnescape(word)
					if err != nil {
						plain = word
					}
					forms := []string{word, plain, url.PathEscape(word), (&url.URL{Path: word}).EscapedPath(), (&url.URL{Path: plain}).EscapedPath(), strings.TrimRight(word, "/")}
					for i := range got {
						same := slices.ContainsFunc(forms, func(form string) bool {
							return got[i].text == strings.ReplaceAll(model[i].text, hostileWord, form)
						})
						if got[i].kind != model[i].kind || !same || got[i].kind == "" && got[i] != model[i] {
							t.Errorf("%s, %s, %q: %q, want %q", e.name, name, word, got[i], model[i])
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
