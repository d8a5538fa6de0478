package spool_test

import (
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLocksAreDeferred reads the package's source: the statement after each Lock, and
// after each if that a TryLock ends, defers the Unlock. A panic that somebody
// contains then keeps no lock.
func TestLocksAreDeferred(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	locks := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n, bad := undeferred(t, path, src)
		locks += n
		for _, at := range bad {
			t.Errorf("%s: the next statement does not defer the Unlock", at)
		}
	}
	if locks < 40 {
		t.Errorf("found %d locks only", locks)
	}
}

// TestUndeferredLocksAreFound holds undeferred to what it has to find.
func TestUndeferredLocksAreFound(t *testing.T) {
	for body, want := range map[string]int{
		"l.mu.Lock(); defer l.mu.Unlock()":                              0,
		"l.mu.Lock()":                                                   1,
		"l.mu.Lock(); f(); l.mu.Unlock()":                               1,
		"l.mu.Lock(); defer l.other.Unlock()":                           1,
		"l.mu.RLock(); defer l.mu.RUnlock()":                            0,
		"l.mu.RLock(); defer l.mu.Unlock()":                             1,
		"if x { l.mu.Lock(); f() }":                                     1,
		"switch { case x: l.mu.Lock(); f() }":                           1,
		"go func() { l.mu.Lock() }()":                                   1,
		"if !l.mu.TryLock() { return }; defer l.mu.Unlock()":            0,
		"if !l.mu.TryLock() { return }; f()":                            1,
		"if l.mu.TryLock() { f(); l.mu.Unlock() }":                      1,
		"ok := l.mu.TryLock(); f(ok)":                                   1,
		"locked := l.mu.Lock; locked()":                                 1,
		"for range 3 { func() { l.mu.Lock(); defer l.mu.Unlock() }() }": 0,
	} {
		if n, bad := undeferred(t, "x.go", []byte("package x\nfunc f() { "+body+" }")); n != 1 || len(bad) != want {
			t.Errorf("%s: %d locks, %d of them undeferred, want %d", body, n, len(bad), want)
		}
	}
}

var unlocks = map[string]string{"Lock": "Unlock", "TryLock": "Unlock", "RLock": "RUnlock", "TryRLock": "RUnlock"}

// undeferred counts the uses of Lock in a file, and returns those after which
// no Unlock is deferred.
func undeferred(t *testing.T, path string, src []byte) (locks int, bad []string) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := func(n ast.Node) string {
		var sb strings.Builder
		if err := printer.Fprint(&sb, fset, n); err != nil {
			t.Fatal(err)
		}
		return sb.String()
	}
	good := map[token.Pos]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		list := statements(n)
		for i := range len(list) - 1 {
			sel := lockOf(list[i])
			d, ok := list[i+1].(*ast.DeferStmt)
			if sel != nil && ok && text(d.Call.Fun) == text(sel.X)+"."+unlocks[sel.Sel.Name] {
				good[sel.Pos()] = true
			}
		}
		return true
	})
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && unlocks[sel.Sel.Name] != "" {
			if locks++; !good[sel.Pos()] {
				bad = append(bad, fset.Position(sel.Pos()).String())
			}
		}
		return true
	})
	return locks, bad
}

// statements are those directly in a node.
func statements(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// lockOf returns what a statement locks: x.Lock(), or if !x.TryLock() { return }.
func lockOf(s ast.Stmt) *ast.SelectorExpr {
	var e ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		e = s.X
	case *ast.IfStmt:
		if not, ok := s.Cond.(*ast.UnaryExpr); ok && not.Op == token.NOT && len(s.Body.List) == 1 {
			if _, ok := s.Body.List[0].(*ast.ReturnStmt); ok {
				e = not.X
			}
		}
	}
	if call, ok := e.(*ast.CallExpr); ok {
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && unlocks[sel.Sel.Name] != "" {
			return sel
		}
	}
	return nil
}
