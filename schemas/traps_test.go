package schemas_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/schemas"
)

// TestHugeNumbers: jsonschema v5.3.1 turns numbers into fractions, and what
// does not become one is a nil pointer.
func TestHugeNumbers(t *testing.T) {
	for name, value := range map[string]any{
		"huge exponent": json.Number("1e2000000"),
		"tiny exponent": json.Number("1e-2000000"),
		"no number":     json.Number("many"),
		"NaN":           math.NaN(),
		"infinity":      math.Inf(1),
	} {
		t.Run(name, func(t *testing.T) {
			problems := schemas.Model().Validate(map[string]any{"settings": map[string]any{"ctx_len": value}})
			if len(problems) == 0 {
				t.Error("validated")
			}
		})
	}
	if _, err := schemas.Compile([]byte(`{"properties": {"x": {"minimum": 1e2000000}}}`)); err == nil {
		t.Error("compiled a schema with a huge number")
	}
}

// TestGoValues: a value that is not made of JSON's types is a problem, not a
// panic.
func TestGoValues(t *testing.T) {
	if len(schemas.Model().Validate(map[string]any{"assets": []string{"x"}})) == 0 {
		t.Error("validated a []string")
	}
}

// TestNoOutsideReferences: by default jsonschema reads $ref and $schema from
// disk.
func TestNoOutsideReferences(t *testing.T) {
	for _, schema := range []string{
		`{"$ref": "file:///etc/hostname"}`,
		`{"$ref": "model.schema.json"}`,
		`{"$ref": "https://example.com/schema.json"}`,
		`{"properties": {"x": {"$ref": "other.json#/x"}}}`,
		`{"$schema": "file:///etc/hostname"}`,
		`{"$schema": "https://example.com/meta"}`,
	} {
		t.Run(schema, func(t *testing.T) {
			if _, err := schemas.Compile([]byte(schema)); err == nil {
				t.Error("compiled")
			}
		})
	}
}

// TestCompileBounds: a plugin's schema is foreign data.
func TestCompileBounds(t *testing.T) {
	for name, schema := range map[string]string{
		"empty":         ``,
		"not an object": `true`,
		"too large":     `{"description": "` + strings.Repeat("x", 256<<10) + `"}`,
		"too deep":      strings.Repeat(`{"items":`, 70) + `{}` + strings.Repeat(`}`, 70),
		"bad type":      `{"properties": {"x": {"type": "int"}}}`,
		"bad pattern":   `{"properties": {"x": {"pattern": "("}}}`,
		"endless":       `{"$ref": "#"}`,
		"bad default":   `{"properties": {"x": {"type": "integer", "default": "many"}}}`,
		"given twice":   `{"type": "object", "type": "string"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := schemas.Compile([]byte(schema))
			if err != nil {
				return
			}
			if name == "empty" || len(s.Validate(map[string]any{})) == 0 {
				t.Error("compiled")
			}
		})
	}
}

// TestCostOfBadInput: depth 1,000 with one bad leaf took 2.9 s and 6 GB, so that
// what is too large never reaches the validator.
func TestCostOfBadInput(t *testing.T) {
	many := func(n int, text string) string { return strings.Repeat(text, n) }
	for name, text := range map[string]string{
		"deep":           many(200_000, `{"a":`) + "1",
		"deep arrays":    `{"a":` + many(500_000, "["),
		"deep in yaml":   "a: " + many(9_000, "["),
		"long array":     `{"assets": [` + many(10_001, `"x",`) + `]}`,
		"many keys":      `{` + numbered(10_001) + `}`,
		"large":          `{"description": "` + many(1<<20, "x") + `"}`,
		"one long line":  `{"a": [` + many(9_999, `{"b":["x"]},`) + `], "b" 1}`,
		"many bad leafs": `{"assets": [` + many(9_999, `1,`) + `]}`,
		"long pointers":  `{"` + many(300_000, "k") + `": [` + many(9_999, `{"b":1},`) + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			doc, err := schemas.Parse("x.json", []byte(text))
			if err == nil {
				err = doc.Validate(schemas.Model()).Err()
			}
			problems := schemas.Problems{}
			if !errors.As(err, &problems) || len(problems) > 10 {
				t.Errorf("%d problems: %v", len(problems), err)
			}
			if _, err := schemas.ParseYAML("x.yml", []byte(text)); err == nil && name != "many bad leafs" {
				t.Error("read as YAML")
			}
			if spent := time.Since(start); spent > 3*time.Second {
				t.Errorf("took %s", spent)
			}
		})
	}
}

// numbered returns n different members.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"` + strings.Repeat("k", 1+i%200) + string(rune('A'+i/200%26)) + string(rune('a'+i/5200)) + `":1,`)
	}
	return b.String()
}

// TestOneReading: the schema and the program must see the same value, so that a
// key that is given twice is refused, "B" beside "b" is pointed out, and nothing
// may follow the value.
func TestOneReading(t *testing.T) {
	for _, text := range []string{`{"name":"x","name":"y"}`, `{"a":{"b":1,"b":1}}`, `{"name":"x"}{}`, `{"n\u0061me":1,"name":2}`} {
		if _, err := schemas.Parse("x.json", []byte(text)); err == nil {
			t.Errorf("read %s", text)
		}
	}
	doc, err := schemas.Parse("x.json", []byte(`{"name": "x", "Name": "y"}`))
	if err != nil {
		t.Fatal(err)
	}
	hints := doc.Hints(schemas.Model())
	if len(hints) != 1 || hints[0].Pointer != "/Name" || hints[0].Suggestion != "name" {
		t.Errorf("hints %v", hints)
	}
}

// TestFormatIsAsserted: with an explicit draft 2020-12 it is not by default.
func TestFormatIsAsserted(t *testing.T) {
	s, err := schemas.Compile([]byte(`{"$schema": "https://json-schema.org/draft/2020-12/schema",
		"properties": {"at": {"type": "string", "format": "date-time"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Validate(map[string]any{"at": "tomorrow"})) != 1 {
		t.Error("validated")
	}
}
