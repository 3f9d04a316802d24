package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// expect returns what the schema wants, in words. The keyword that was not
// satisfied is named where the words do not cover it.
func (s subschema) expect(keyword string) string {
	text := s.describe()
	covered := []string{"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
		"pattern", "format", "anyOf", "oneOf"}
	_, own := s.here["x-expected"]
	if own || slices.Contains(covered, keyword) {
		return text
	}
	rule, err := json.Marshal(s.here[keyword])
	if err != nil {
		return text
	}
	return fmt.Sprintf("%s (%s %s)", text, keyword, shorten(string(rule)))
}

// describe returns what the schema wants: "an integer ≥ 1". The keyword
// "x-expected" says it better where a pattern would be hard to read.
func (s subschema) describe() string {
	if text, ok := s.here["x-expected"].(string); ok {
		return text
	}
	if value, ok := s.here["const"]; ok {
		return show(value)
	}
	if values, ok := s.here["enum"].([]any); ok {
		return "one of " + list(values, ", ", show)
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if values, ok := s.here[keyword].([]any); ok {
			return list(values, " or ", func(v any) string {
				sub, _ := s.in(v)
				return sub.describe()
			})
		}
	}
	types := s.types()
	if len(types) == 0 {
		return "another value"
	}
	for i, name := range types {
		types[i] = s.noun(name)
	}
	return strings.Join(types, " or ")
}

// noun returns one type with its limits.
func (s subschema) noun(name string) string {
	switch name {
	case "integer":
		return "an integer" + s.limits()
	case "number":
		return "a number" + s.limits()
	case "boolean":
		return "true or false"
	case "string":
		return "a string" + s.shape()
	case "array":
		if items, ok := s.items(); ok && len(items.types()) == 1 {
			return "an array of " + items.types()[0] + "s"
		}
		return "an array"
	case "object":
		return "an object"
	}
	return name
}

// limits returns the bounds of a number.
func (s subschema) limits() string {
	low, hasLow := s.here["minimum"]
	high, hasHigh := s.here["maximum"]
	if hasLow && hasHigh {
		return fmt.Sprintf(" from %v to %v", low, high)
	}
	var b strings.Builder
	for _, limit := range []struct{ keyword, sign string }{
		{"minimum", "≥"}, {"maximum", "≤"}, {"exclusiveMinimum", ">"}, {"exclusiveMaximum", "<"},
	} {
		if value, ok := s.here[limit.keyword]; ok {
			fmt.Fprintf(&b, " %s %v", limit.sign, value)
		}
	}
	return b.String()
}

// shape returns what a string looks like: by an example where there is one,
// because few people read patterns.
func (s subschema) shape() string {
	if format, ok := s.here["format"].(string); ok {
		return " of format " + format
	}
	pattern, ok := s.here["pattern"].(string)
	if !ok {
		return ""
	}
	if examples, ok := s.here["examples"].([]any); ok && len(examples) > 0 {
		return " such as " + show(examples[0])
	}
	return " matching " + pattern
}

// list joins at most ten values.
func list(values []any, separator string, text func(any) string) string {
	texts := make([]string, min(len(values), maxProblems))
	for i := range texts {
		texts[i] = text(values[i])
	}
	if len(values) > maxProblems {
		texts = append(texts, "…")
	}
	return strings.Join(texts, separator)
}
