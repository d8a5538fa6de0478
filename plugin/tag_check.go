package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// tagBuiltins are text/template's own functions that a tag may use as they are:
// they copy nothing. Those that do are among tagFuncs.
var tagBuiltins = []string{"and", "or", "not", "len", "index", "slice", "eq", "ne", "lt", "le", "gt", "ge"}

var (
	errTagLoop     = errors.New("loops ({{range}}) are not allowed")
	errTagVariable = errors.New("variables are not allowed")
	errTagNested   = errors.New("templates of its own ({{define}}, {{block}}, {{template}}) are not allowed")
	errTagArgument = errors.New("a field or method takes literals only: give other values to functions")
)

// checkTag refuses what could run for long or grow: each node is executed at most
// once, so that the work is bounded by the length of the text and the functions' results.
func checkTag(t *template.Template) error {
	for _, other := range t.Templates() {
		if other.Name() != t.Name() {
			return errTagNested
		}
	}
	if t.Tree == nil {
		return nil // nothing, or comments
	}
	return checkNode(t.Root)
}

func checkNode(n parse.Node) error {
	switch n := n.(type) {
	case *parse.TextNode, *parse.CommentNode, *parse.DotNode, *parse.NilNode, *parse.BoolNode, *parse.NumberNode, *parse.StringNode, *parse.FieldNode:
		return nil
	case *parse.ListNode:
		if n == nil { // of an if without else
			return nil
		}
		return checkNodes(n.Nodes)
	case *parse.ActionNode:
		return checkNode(n.Pipe)
	case *parse.IfNode:
		return checkBranch(&n.BranchNode)
	case *parse.WithNode:
		return checkBranch(&n.BranchNode)
	case *parse.PipeNode:
		return checkPipe(n)
	case *parse.ChainNode:
		return checkNode(n.Node)
	case *parse.VariableNode:
		if n.Ident[0] != "$" { // the container, as the dot outside of with
			return errTagVariable
		}
		return nil
	case *parse.IdentifierNode:
		if _, ok := tagFuncs()[n.Ident]; !ok && !slices.Contains(tagBuiltins, n.Ident) {
			return fmt.Errorf("function %q is not allowed", n.Ident)
		}
		return nil
	case *parse.TemplateNode:
		return errTagNested
	case *parse.RangeNode:
		return errTagLoop
	}
	return fmt.Errorf("%q is not allowed", n.String())
}

func checkNodes(nodes []parse.Node) error {
	for _, n := range nodes {
		if err := checkNode(n); err != nil {
			return err
		}
	}
	return nil
}

func checkBranch(b *parse.BranchNode) error {
	return checkNodes([]parse.Node{b.Pipe, b.List, b.ElseList})
}

func checkPipe(p *parse.PipeNode) error {
	if len(p.Decl) > 0 {
		return errTagVariable
	}
	for i, cmd := range p.Cmds {
		if err := checkNodes(cmd.Args); err != nil {
			return err
		}
		if _, function := cmd.Args[0].(*parse.IdentifierNode); function {
			continue
		}
		// A method, such as .ContainerCreated.Format, has no bounds of its own.
		if i > 0 || slices.ContainsFunc(cmd.Args[1:], notLiteral) {
			return errTagArgument
		}
	}
	return nil
}

func notLiteral(n parse.Node) bool {
	switch n.(type) {
	case *parse.NilNode, *parse.BoolNode, *parse.NumberNode, *parse.StringNode:
		return false
	}
	return true
}

// tagCause takes from one of the package's errors what tells. They start with
// "template: tag:1:9: " and may go on for several clauses, of which the last one does.
func tagCause(err error) error {
	why := err.Error()
	if i := strings.LastIndex(why, ">: "); i >= 0 {
		why = why[i+len(">: "):]
	} else if rest, ok := strings.CutPrefix(why, "template: tag:"); ok {
		why = rest
		if _, after, ok := strings.Cut(rest, ": "); ok {
			why = after
		}
	}
	return errors.New(why)
}
