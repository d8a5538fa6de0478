package codec_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coldtail/coldtail/codec"
)

func TestUnixNano(t *testing.T) {
	for want, at := range map[int64]time.Time{
		0:                  time.Unix(0, 0),
		-1:                 time.Unix(0, -1),
		math.MinInt64:      time.Unix(0, math.MinInt64),
		math.MinInt64 + 1:  time.Unix(0, math.MinInt64+1),
		math.MaxInt64:      time.Unix(0, math.MaxInt64),
		math.MaxInt64 - 1:  time.Unix(0, math.MaxInt64-1),
		1764374400_000_000: time.Unix(1764374, 400_000_000),
	} {
		if got := codec.UnixNano(at); got != want {
			t.Errorf("%v: %d, want %d", at, got, want)
		}
	}
	for _, at := range []time.Time{{}, time.Unix(0, math.MinInt64).Add(-1), time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(-1<<60, 0)} {
		if got := codec.UnixNano(at); got != math.MinInt64 {
			t.Errorf("%v: %d", at, got)
		}
	}
	for _, at := range []time.Time{time.Unix(0, math.MaxInt64).Add(1), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0)} {
		if got := codec.UnixNano(at); got != math.MaxInt64 {
			t.Errorf("%v: %d", at, got)
		}
	}
}

// clockTimes are the expressions that are the machine's clock, which no kernel
// sets beyond what nanoseconds express; and a file's, in an ETag that only has to
// change with it.
var clockTimes = regexp.MustCompile(`^(now|time\.Now\(\)|(\w+\.)*cfg\.Now\(\)|c\.now\(\)|t\.started|info\.ModTime\(\))(\.Add\(.*\))?$`)

// TestNoTimeWraps finds times that are converted to Unix nanoseconds without
// UnixNano, which bounds them.
func TestNoTimeWraps(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "test" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || path == filepath.Join("..", "codec", "time.go") {
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "UnixNano" && sel.Sel.Name != "UnixMicro" {
				return true
			}
			seen++
			if of := types.ExprString(sel.X); of != "codec" && !clockTimes.MatchString(of) {
				t.Errorf("%s: %s.%s wraps around: convert it by codec.UnixNano", files.Position(sel.Pos()), of, sel.Sel.Name)
			}
			return true
		})
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d conversions were seen, %v", seen, err)
	}
}
