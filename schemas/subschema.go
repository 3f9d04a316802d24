package schemas

import (
	"maps"
	"slices"
	"strings"
)

// A subschema is one schema object within a schema document. The zero value
// knows nothing.
type subschema struct {
	root map[string]any // the document, for $ref
	here map[string]any
}

// maxHops is how many references are followed in a row.
const maxHops = 8

// in returns the schema object that value is, after following its references.
func (s subschema) in(value any) (subschema, bool) {
	here, ok := value.(map[string]any)
	for range maxHops {
		ref, isRef := here["$ref"].(string)
		if !isRef || !strings.HasPrefix(ref, "#") {
			break
		}
		target, _ := Lookup(s.root, ref[1:])
		here, ok = target.(map[string]any)
	}
	return subschema{s.root, here}, ok
}

// names returns the names of the properties, sorted.
func (s subschema) names() []string {
	properties, _ := s.here["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}

// knows tells whether there is a property of that name.
func (s subschema) knows(name string) bool {
	properties, _ := s.here["properties"].(map[string]any)
	_, known := properties[name]
	return known
}

// property returns the schema of a property that is known by name, or that of
// any further one (additionalProperties).
func (s subschema) property(name string) (subschema, bool) {
	if properties, ok := s.here["properties"].(map[string]any); ok && properties[name] != nil {
		return s.in(properties[name])
	}
	return s.in(s.here["additionalProperties"])
}

// items returns the schema of the entries of an array.
func (s subschema) items() (subschema, bool) { return s.in(s.here["items"]) }

// types returns the values of the keyword "type".
func (s subschema) types() []string {
	switch t := s.here["type"].(type) {
	case string:
		return []string{t}
	case []any:
		return stringsOf(t)
	}
	return nil
}

// accepts tells whether a type is among those that the schema names.
func (s subschema) accepts(name string) bool { return slices.Contains(s.types(), name) }

// secret tells whether values must not be shown. "writeOnly" is the keyword of
// JSON Schema for what is set and never read back.
func (s subschema) secret() bool { return s.here["writeOnly"] == true }

// stringsOf returns the strings among values.
func stringsOf(values []any) []string {
	var found []string
	for _, value := range values {
		if s, ok := value.(string); ok {
			found = append(found, s)
		}
	}
	return found
}
