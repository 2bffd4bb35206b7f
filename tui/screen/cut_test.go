package screen

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// What is cut says so: no screen shortens text with an empty tail. Padding what
// is known to fit needs none.
func TestNothingIsCutSilently(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			name := called(call)
			if name != "Cut" && name != "CutLeft" && name != "Pad" && name != "PadLeft" {
				return true
			}
			checked++
			tail, ok := call.Args[2].(*ast.BasicLit)
			data, isCall := call.Args[0].(*ast.CallExpr)
			fromOutside := isCall && called(data) == "Clean"
			if ok && tail.Value == `""` && (strings.HasPrefix(name, "Cut") || fromOutside) {
				t.Errorf("%s: %s cuts without a sign", fset.Position(call.Pos()), name)
			}
			return true
		})
	}
	if checked < 20 {
		t.Errorf("only %d calls were looked at", checked)
	}
}

func called(c *ast.CallExpr) string {
	if s, ok := c.Fun.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return ""
}
