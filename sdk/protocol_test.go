package sdk_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// page is PROTOCOL.md, for authors in other languages.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// constants are those of a type in a file of this package.
func constants(t *testing.T, file, kind string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == kind {
			value, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			values = append(values, value)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants of the type %s", file, kind)
	}
	return values
}

// TestProtocolOperations: the page has the operations that the SDK names, with their paths.
func TestProtocolOperations(t *testing.T) {
	got, want := map[string]string{}, map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_/]+)` \\| `(/[^`]+)` \\|").FindAllStringSubmatch(page(t), -1) {
		got[row[1]] = row[2]
	}
	for _, op := range constants(t, "engine.go", "Operation") {
		want[op] = sdk.Operation(op).Path()
	}
	if !maps.Equal(got, want) {
		t.Errorf("the page has\n%v, and the SDK\n%v", got, want)
	}
}

// TestProtocolCodes: the page has the codes of the SDK, in the same order.
func TestProtocolCodes(t *testing.T) {
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [A-Z_]+ \\|").FindAllStringSubmatch(page(t), -1) {
		got = append(got, row[1])
	}
	if want := constants(t, "errors.go", "Code"); !slices.Equal(got, want) {
		t.Errorf("the page has %q, and the SDK %q", got, want)
	}
}

// TestProtocolProxy: the page has the names that the core's proxy goes by.
func TestProtocolProxy(t *testing.T) {
	for _, name := range []string{sdk.EnvProxy, web.HeaderRefused, web.HeaderUnreachable} {
		if !strings.Contains(page(t), "`"+name+"`") {
			t.Errorf("the page does not say %s", name)
		}
	}
}
