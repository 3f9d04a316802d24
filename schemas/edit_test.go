package schemas_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
)

func set(value any, path ...string) schemas.Change { return schemas.Change{Path: path, Value: value} }

func unset(path ...string) schemas.Change { return schemas.Change{Path: path, Remove: true} }

func TestEdit(t *testing.T) {
	const file = `{"x_theirs": {"b": 1.50, "a": 12345678901234567890}, "engine": "api", "settings": {"z": 1, "a": "<|im_end|>"}}`
	for name, c := range map[string]struct {
		text    string
		changes []schemas.Change
		want    string
	}{
		"nothing":       {file, nil, file},
		"one value":     {file, []schemas.Change{set(json.Number("8"), "settings", "z")}, strings.Replace(file, `"z": 1`, `"z": 8`, 1)},
		"a new one":     {file, []schemas.Change{set(true, "settings", "n")}, strings.Replace(file, `end|>"`, `end|>", "n": true`, 1)},
		"a new part":    {file, []schemas.Change{set("env:A<B", "secrets", "k/e~y")}, strings.TrimSuffix(file, "}") + `, "secrets": {"k/e~y": "env:A<B"}}`},
		"one goes":      {file, []schemas.Change{unset("settings", "z")}, strings.Replace(file, `"z": 1, `, ``, 1)},
		"none goes":     {file, []schemas.Change{unset("limits", "z")}, file},
		"an empty file": {"", []schemas.Change{set("api", "engine"), set(json.Number("2"), "prices", "a.b*", "input")}, `{"engine": "api", "prices": {"a.b*": {"input": 2}}}`},
		"in a null":     {`{"limits": null}`, []schemas.Change{set(json.Number("2"), "limits", "queue")}, `{"limits": {"queue": 2}}`},
		"no braces":     {`"engine": "api",` + "\n", []schemas.Change{set("d", "description")}, `{"engine": "api", "description": "d"}`},
		"a list":        {`{}`, []schemas.Change{set([]any{"0", "a, \"b\""}, "devices")}, `{"devices": ["0", "a, \"b\""]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := schemas.Edit("f.json", []byte(c.text), c.changes...)
			if err != nil {
				t.Fatal(err)
			}
			flat := strings.Join(strings.Fields(strings.NewReplacer("{\n", "{", ",\n}", "}", "\n", " ").Replace(string(got))), " ")
			flat = strings.NewReplacer("{ ", "{", " }", "}", ",}", "}").Replace(flat)
			if flat != c.want {
				t.Errorf("got  %s\nwant %s", flat, c.want)
			}
			again, err := schemas.Edit("f.json", got)
			if err != nil || string(again) != string(got) {
				t.Errorf("a second time it is %s (%v)", again, err)
			}
		})
	}
}

// TestEditKeepsComments: what a person wrote for people stays.
func TestEditKeepsComments(t *testing.T) {
	const file = "// ours\n{\n  // the fast one\n  \"engine\": \"api\", /* by hand */\n  \"settings\": {\n    \"a\": 1, // one\n  },\n}\n"
	got, err := schemas.Edit("f.json", []byte(file), set(json.Number("2"), "settings", "a"), set("x", "settings", "b"))
	want := strings.Replace(file, "\"a\": 1, // one\n", "\"a\": 2, // one\n    \"b\": \"x\",\n", 1)
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestEditRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": `:             "f.json:1:",
		`{"settings": true}`: "/settings is true, which has no members",
		`[]`:                 "expected an object",
	} {
		if _, err := schemas.Edit("f.json", []byte(text), set("x", "settings", "a")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
