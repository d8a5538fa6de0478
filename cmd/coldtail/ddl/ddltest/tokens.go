// Package ddltest parts SQL into its tokens, for tests of what is printed.
package ddltest

import (
	"fmt"
	"strconv"
	"strings"
)

// Token is a part of a statement: a text in quotes, a name in quotes, a
// comment, or what is between them.
type Token struct{ Kind, Text string }

// Tokens parts SQL as the engine does. In a text of athena, hive, spark and
// clickhouse a backslash escapes; in all, a doubled quote is one, but in
// athena's, hive's and spark's DDL, where two texts follow each other.
func Tokens(engine, sql string) (tokens []Token, err error) {
	escapes := engine != "trino" && engine != "duckdb"
	doubles := !escapes || engine == "clickhouse"
	plain := ""
	flush := func() {
		if plain != "" {
			tokens = append(tokens, Token{"", plain})
		}
		plain = ""
	}
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case strings.HasPrefix(sql[i:], "--"):
			flush()
			line, _, _ := strings.Cut(sql[i:], "\n")
			tokens = append(tokens, Token{"--", line})
			i += len(line)
		case strings.HasPrefix(sql[i:], "/*") || c == '#':
			return nil, fmt.Errorf("a comment at %q", sql[i:])
		case c == '\'' || c == '`' || c == '"':
			flush()
			text, n, err := sqlQuoted(sql[i:], escapes && c == '\'', doubles || c != '\'')
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, Token{string(c), text})
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
