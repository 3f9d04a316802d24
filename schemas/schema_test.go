package schemas_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// TestManifestKeys holds sdk.Manifest and the schema of a model together: what
// one knows, the other knows, with the same type.
func TestManifestKeys(t *testing.T) {
	full := sdk.Manifest{ID: "x", Object: "model", Name: "x", Version: "1", Created: 1, OwnedBy: "x", Description: "x",
		Format: "gguf", Sources: []sdk.Source{{Filename: "x", URL: "x", SHA256: strings.Repeat("0", 64), Size: 1}},
		Engine: "x", Settings: map[string]any{"x": 1}, Parameters: map[string]any{"x": 1},
		Metadata: map[string]any{"x": 1}, Assets: []string{"x"}, KeepAlive: "10m", Pinned: true,
		Targets: []sdk.Target{{Engine: "x", Settings: map[string]any{"x": 1}, Weight: 2}}, Routing: "spread", Timeout: "20s", CoolDown: "1m"}
	text, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := schemas.Parse("model.json", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(schemas.Model()).Err(); err != nil {
		t.Error(err)
	}
	known := slices.DeleteFunc(schemas.Model().Properties(), func(name string) bool { return name == "$schema" })
	if keys := slices.Sorted(maps.Keys(doc.Value)); !slices.Equal(keys, known) {
		t.Errorf("manifest writes %v\nschema knows    %v", keys, known)
	}
	source := doc.Value["sources"].([]any)[0].(map[string]any)
	wrong := map[string]any{}
	for name := range source {
		wrong[name] = map[string]any{}
	}
	if n := len(schemas.Model().Validate(map[string]any{"sources": []any{wrong}})); n != len(source) {
		t.Errorf("the schema checks %d of the %d keys of a source", n, len(source))
	}
	for name := range doc.Value["targets"].([]any)[0].(map[string]any) {
		if problems := schemas.Model().Validate(map[string]any{"targets": []any{map[string]any{"engine": "x", name: []any{}}}}); len(problems) == 0 {
			t.Errorf("the schema does not check %s of a target", name)
		}
	}
}

// TestSchemaHelpsToWrite wants title, description and examples of every
// property, so that editors help, and that they satisfy the property.
func TestSchemaHelpsToWrite(t *testing.T) {
	for _, file := range []string{"model", "deployment", "plugin", "index", "registries"} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file + ".schema.json")
			if err != nil {
				t.Fatal(err)
			}
			var schema map[string]any
			if err := json.Unmarshal(text, &schema); err != nil {
				t.Fatal(err)
			}
			checkProperties(t, "", schema)
		})
	}
}

func checkProperties(t *testing.T, pointer string, schema map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range properties {
		below := pointer + "/" + name
		property := value.(map[string]any)
		for _, keyword := range []string{"title", "description", "examples"} {
			if property[keyword] == nil {
				t.Errorf("%s has no %s", below, keyword)
			}
		}
		checkExamples(t, below, property)
		checkProperties(t, below, property)
		if items, ok := property["items"].(map[string]any); ok {
			checkProperties(t, below+"/0", items)
		}
	}
}

func checkExamples(t *testing.T, pointer string, property map[string]any) {
	t.Helper()
	alone, err := json.Marshal(property)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := schemas.Compile(alone)
	if err != nil {
		t.Fatalf("%s: %v", pointer, err)
	}
	values, _ := property["examples"].([]any)
	if byDefault, ok := property["default"]; ok {
		values = append(values, byDefault)
	}
	for _, value := range values {
		if err := compiled.Validate(value).Err(); err != nil {
			t.Errorf("%s: %v", pointer, err)
		}
	}
}

const settings = `{
	"type": "object",
	"$defs": {"size": {"type": "integer", "minimum": 1}},
	"properties": {
		"ctx_len": {"$ref": "#/$defs/size", "title": "not seen beside a $ref"},
		"ngl": {"type": "integer", "default": 100, "x-scope": "load"},
		"args": {"type": "array", "items": {"type": "string"}, "default": ["-x"]},
		"mode": {"enum": ["a", "b", 3]},
		"either": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
		"api_key": {"type": "string", "writeOnly": true, "minLength": 20},
		"a~b/c d%": {"type": "integer"}
	},
	"additionalProperties": false
}`

func TestSettingsOfAPlugin(t *testing.T) {
	s, err := schemas.Compile([]byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"api_key", "args", "a~b/c d%", "ctx_len", "either", "mode", "ngl"}; !slices.Equal(s.Properties(), want) {
		t.Errorf("properties %v", s.Properties())
	}
	if s.Scope("ngl") != "load" || s.Scope("args") != "" || s.Scope("unknown") != "" {
		t.Error("scope")
	}
	want := map[string]any{"ngl": json.Number("100"), "args": []any{"-x"}}
	first := s.Defaults()
	if !reflect.DeepEqual(first, want) {
		t.Errorf("defaults %v", first)
	}
	first["args"].([]any)[0] = "changed"
	if !reflect.DeepEqual(s.Defaults(), want) {
		t.Error("who changes the defaults changes the schema")
	}
}

func TestProblemsOfSettings(t *testing.T) {
	s, err := schemas.Compile([]byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		`{"ctx_len": 0}`:        `/ctx_len: expected an integer ≥ 1, got 0`,
		`{"mode": "c"}`:         `/mode: expected one of "a", "b", 3, got "c"`,
		`{"either": "x"}`:       `/either: expected an integer or true or false, got "x"`,
		`{"api_key": "sk-123"}`: `/api_key: expected a string (minLength 20), got something else (not shown)`,
		`{"ngll": 1}`:           `/ngll: expected a known key, got "ngll"; did you mean ngl?`,
		`{"quite_other": 1}`:    `/quite_other: expected a known key, got "quite_other"`,
		`{"a~b/c d%": "x"}`:     `/a~0b~1c d%: expected an integer, got "x"`,
		`{"args": [1]}`:         `/args/0: expected a string, got 1`,
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := schemas.Parse("", []byte(name))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Validate(doc.Value).Error(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if got := doc.Validate(s); got[0].Line != 1 || got[0].Column < 2 {
				t.Errorf("placed at %d:%d", got[0].Line, got[0].Column)
			}
		})
	}
}

func TestCoerce(t *testing.T) {
	doc, err := schemas.Parse("", []byte(`{
		"version": 1.0, "description": null, "assets": "a.gguf", "created": "1700000000", "unknown": "12", "none": null,
		"settings": {"ctx_len": "2048", "embedding": "True", "flash_attn": "auto", "x": "1", "ngl": "all", "mmproj": "7"},
		"parameters": {"temperature": " 0.7 ", "stop": "</s>", "mirostat": "true", "stream": "yes"},
		"metadata": {"size": "4370000000", "quantization": null},
		"sources": [{"size": "12", "url": "x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want, err := schemas.Parse("", []byte(`{
		"version": "1.0", "assets": ["a.gguf"], "created": 1700000000, "unknown": "12", "none": null,
		"settings": {"ctx_len": 2048, "embedding": true, "flash_attn": "auto", "x": "1", "ngl": "all", "mmproj": "7"},
		"parameters": {"temperature": 0.7, "stop": ["</s>"], "mirostat": true, "stream": "yes"},
		"metadata": {"size": 4370000000},
		"sources": [{"size": 12, "url": "x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(doc.Value)
	if got := schemas.Model().Coerce(doc.Value); !reflect.DeepEqual(got, want.Value) {
		t.Errorf("got  %v\nwant %v", got, want.Value)
	}
	if after, _ := json.Marshal(doc.Value); string(before) != string(after) {
		t.Error("the value itself was changed")
	}
}

func TestIsFlatDeployment(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`:                               false,
		`{"ctx_len": 2048, "ngl": 100}`:    true,
		`{"full_url": "x", "api_key": ""}`: true,
		`{"engine": "llamacpp"}`:           false,
		`{"settings": {"ctx_len": 2048}}`:  false,
	} {
		t.Run(text, func(t *testing.T) {
			doc, err := schemas.Parse("x.json", []byte(text))
			if err != nil || schemas.IsFlatDeployment(doc) != want {
				t.Errorf("not %t, %v", want, err)
			}
		})
	}
}

// examples are the files of deployments that people are shown: those to copy, and those
// in a README whose first words name an engine.
func examples(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"../examples/engines/*.json", "../README.md", "../plugins/*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(file) == ".json" {
				all[file] = text
				continue
			}
			for i, block := range regexp.MustCompile("(?s)```json\n(\\{\\s*\"engine\".*?)```").FindAllSubmatch(text, -1) {
				all[fmt.Sprintf("%s #%d", file, i)] = block[1]
			}
		}
	}
	return all
}

// TestExamples: what people copy is valid, by the schema of deployments and by that of
// the plugin's settings.
func TestExamples(t *testing.T) {
	all := examples(t)
	if len(all) < 5 {
		t.Errorf("only %d examples were found", len(all))
	}
	for name, text := range all {
		doc, err := schemas.Parse(name, text)
		if err != nil {
			t.Error(err)
			continue
		}
		settings, _ := doc.Value["settings"].(map[string]any)
		compiled := compiledSettings(t, fmt.Sprintf("../plugins/engine-%s/settings.schema.json", doc.Value["engine"]))
		problems := append(doc.Validate(schemas.Deployment()), doc.Hints(schemas.Deployment())...)
		problems = append(problems, append(compiled.Validate(settings), compiled.Hints(settings)...)...)
		if err := append(problems, doc.Warnings...).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func compiledSettings(t *testing.T, file string) *schemas.Schema {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := schemas.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return compiled
}
