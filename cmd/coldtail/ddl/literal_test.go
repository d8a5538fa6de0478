package ddl // looks at a dialect's literals

import (
	"strings"
	"testing"

	"github.com/coldtail/coldtail/cmd/coldtail/ddl/ddltest"
	"github.com/coldtail/coldtail/codec/randtest"
)

// TestLiterals: a literal is read as what it was made of, whatever that is.
func TestLiterals(t *testing.T) {
	rnd := randtest.New(t)
	parts := []string{`'`, `\`, `''`, `\'`, `\\`, `"`, "`", `--`, `/*`, `;`, `\n`, `\u0027`, `\047`, `\x27`, `\%`, `\_`, `%`, ` OR 1=1`, `a`, "\n", "\x00", "é", "\u202e"}
	for range 20_000 {
		var b strings.Builder
		for range rnd.IntN(8) {
			b.WriteString(parts[rnd.IntN(len(parts))])
		}
		want := b.String()
		for _, e := range dialects {
			tokens, err := ddltest.Tokens(e.name, "SELECT "+e.text(want)+";")
			if err != nil || len(tokens) != 3 || tokens[1] != (ddltest.Token{Kind: "'", Text: want}) || tokens[2].Text != ";" {
				t.Fatalf("%s: %q became %q: %q, %v", e.name, want, e.text(want), tokens, err)
			}
		}
	}
}
