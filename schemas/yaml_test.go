package schemas_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

func TestParseYAML(t *testing.T) {
	doc, err := schemas.ParseYAML("model.yml", []byte(`# BEGIN
model: llama3.2:3b
version: 1.10
stop: [<|eot_id|>, "x"] # list
temperature: 0.6
ngl: 0x21
ctx_len: 1_024
big: 18446744073709551615
embedding: True
created: 2024-01-02
none:
settings:
  deep: .5
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"model": "llama3.2:3b", "version": json.Number("1.10"), "stop": []any{"<|eot_id|>", "x"},
		"temperature": json.Number("0.6"), "ngl": json.Number("33"), "ctx_len": json.Number("1024"),
		"big": json.Number("18446744073709551615"), "embedding": true, "created": "2024-01-02", "none": nil,
		"settings": map[string]any{"deep": json.Number("0.5")},
	}
	if !reflect.DeepEqual(doc.Value, want) {
		t.Errorf("got  %v\nwant %v", doc.Value, want)
	}
	if line, column := doc.Place("/settings/deep"); line != 13 || column != 9 {
		t.Errorf("placed at %d:%d", line, column)
	}
}

func TestParseYAMLRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"alias":            {"a: &x 1\nb: *x", "x.yml:1:4: expected a value that is written out, got an anchor or alias"},
		"merge":            {"a: 1\n<<: {b: 1}", "x.yml:2:1: expected a plain name, got something else"},
		"own tag":          {"a: !secret x", "x.yml:1:4: expected a string, a number, true, false or null, got !secret x"},
		"not a number":     {"a: .nan", "x.yml:1:4: expected a string, a number, true, false or null, got !!float .nan"},
		"huge number":      {"a:\n  b: 1e-400", "x.yml:2:6: /a/b: expected a number of at most 64 characters within ±1e308, got 1e-400"},
		"duplicate":        {"a: 1\na: 2", `x.yml:2:1: expected "a" once, as in line 1, got it again`},
		"list as a name":   {"? [a]\n: 1", "x.yml:1:3: expected a plain name, got something else"},
		"second document":  {"a: 1\n---\nb: 1", "x.yml:2:1: expected one document, got another one"},
		"list":             {"- a", "x.yml:1:1: expected an object, got an array"},
		"broken":           {"a: 1\n b: 2", "x.yml:2:1: expected YAML, got "},
		"tab":              {"a:\n\tb: 2", "x.yml:2:1: expected YAML, got "},
		"wrong after that": {"a: 1\n---\n[", "x.yml:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := schemas.ParseYAML("x.yml", []byte(c.text))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestParseYAMLEmpty(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n"} {
		doc, err := schemas.ParseYAML("x.yml", []byte(text))
		if err != nil || len(doc.Value) != 0 || len(doc.Warnings) != 1 {
			t.Errorf("%q: %+v, %v", text, doc, err)
		}
	}
}
