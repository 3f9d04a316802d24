package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A Schema is a compiled JSON Schema.
type Schema struct {
	compiled *jsonschema.Schema
	root     subschema
}

// baseURL is the address that a schema is compiled under. Nothing is ever
// loaded from it.
const baseURL = "enginebay:///settings.schema.json"

// Compile compiles a schema that a plugin supplies: one JSON object of at most
// 256 KiB that refers to nothing outside itself, and whose defaults satisfy it.
func Compile(schema []byte) (*Schema, error) {
	if len(schema) > maxSchema {
		return nil, fmt.Errorf("schema: expected at most %d bytes, got %d", maxSchema, len(schema))
	}
	doc, err := Parse("schema", schema)
	if err == nil {
		err = doc.Warnings.Err()
	}
	if err != nil {
		return nil, err
	}
	compiled, err := compile(doc.Value)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	s := &Schema{compiled, subschema{doc.Value, doc.Value}}
	if err := s.checkDefaults(); err != nil {
		return nil, err
	}
	return s, nil
}

// compile hands the schema over as it was read, bounded and without repeated
// keys.
func compile(schema map[string]any) (compiled *jsonschema.Schema, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the compiler gave up: %v", r)
		}
	}()
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true // off by default under draft 2020-12
	c.LoadURL = refuse    // by default a $ref reads any file
	if err := c.AddResource(baseURL, bytes.NewReader(text)); err != nil {
		return nil, err
	}
	return c.Compile(baseURL)
}

// refuse is the loader of everything that a schema refers to outside itself.
func refuse(url string) (io.ReadCloser, error) {
	return nil, fmt.Errorf("%s: a schema may refer only to itself", url)
}

// checkDefaults returns an error where a default breaks its own property.
func (s *Schema) checkDefaults() error {
	var all Problems
	for name, value := range s.Defaults() {
		property := Schema{s.compiled.Properties[name], s.root}
		for _, p := range property.Validate(value) {
			all = append(all, *p.below(name))
		}
	}
	if err := all.first().Err(); err != nil {
		return fmt.Errorf("default of a setting: %w", err)
	}
	return nil
}

// MarshalJSON returns the schema as it was compiled from.
func (s *Schema) MarshalJSON() ([]byte, error) { return json.Marshal(s.root.here) }

// Properties returns the names of the top level properties, sorted.
func (s *Schema) Properties() []string { return s.root.names() }

// Knows tells whether the object that pointer names, such as "/settings", has
// a property of that name.
func (s *Schema) Knows(pointer, name string) bool {
	sub := s.root
	for _, above := range SplitPointer(pointer) {
		next, ok := sub.property(above)
		if !ok {
			return false
		}
		sub = next
	}
	return sub.knows(name)
}

// Defaults returns a new map of the top level properties that have a default.
func (s *Schema) Defaults() map[string]any {
	defaults := map[string]any{}
	for _, name := range s.Properties() {
		property, _ := s.root.property(name)
		if value, ok := property.here["default"]; ok {
			defaults[name] = clone(value)
		}
	}
	return defaults
}

// Scope returns the keyword "x-scope" of a top level property, and "" where it
// has none.
func (s *Schema) Scope(name string) string {
	property, _ := s.root.property(name)
	scope, _ := property.here["x-scope"].(string)
	return scope
}

// Description returns what a top level property says of itself.
func (s *Schema) Description(name string) string {
	property, _ := s.root.property(name)
	text, _ := property.here["description"].(string)
	return text
}

// Secret tells whether the values of a top level property must not be shown.
func (s *Schema) Secret(name string) bool {
	property, _ := s.root.property(name)
	return property.secret()
}

// Validate returns what is wrong in value, at most ten problems in the order of
// their pointers. It never blocks for long: what is out of bounds is a problem
// by itself.
func (s *Schema) Validate(value any) (problems Problems) {
	if p := bounds(value, 1); p != nil {
		return Problems{*p}
	}
	defer func() {
		if r := recover(); r != nil {
			problems = Problems{{Expected: "a value that can be validated", Got: shorten(fmt.Sprint(r))}}
		}
	}()
	err := s.compiled.Validate(value)
	var invalid *jsonschema.ValidationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		return finding{s.root, value}.problems(invalid).first()
	}
	return Problems{{Expected: "a value that can be validated", Got: shorten(err.Error())}}
}

// clone returns a deep copy of a value, so that a caller may change it.
func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		c := maps.Clone(v)
		for name := range c {
			c[name] = clone(c[name])
		}
		return c
	case []any:
		c := slices.Clone(v)
		for i := range c {
			c[i] = clone(c[i])
		}
		return c
	}
	return value
}

// Names returns the names of the properties of the object that pointer names, such
// as "/limits", sorted.
func (s *Schema) Names(pointer string) []string {
	sub := s.root
	for _, above := range SplitPointer(pointer) {
		sub, _ = sub.property(above)
	}
	return sub.names()
}
