package schemas

import (
	"encoding/json"
	"strings"
)

// Coerce returns a copy of value in which the properties that the schema knows
// have the type that it wants, as far as nothing is lost: "2048" becomes 2048,
// "True" true, 1.0 "1.0", and a lone entry a list of one. A known property that is
// null counts as absent and is left out. What is unknown stays as it is.
func (s *Schema) Coerce(value map[string]any) map[string]any { return s.root.object(value) }

func (s subschema) object(value map[string]any) map[string]any {
	out := make(map[string]any, len(value))
	for name, member := range value {
		sub, known := s.property(name)
		if known && member == nil && !sub.accepts("null") {
			continue
		}
		out[name] = sub.coerce(member)
	}
	return out
}

func (s subschema) coerce(value any) any {
	if _, isList := value.([]any); !isList && len(s.types()) == 1 && s.accepts("array") {
		if _, isObject := value.(map[string]any); !isObject {
			value = []any{value}
		}
	}
	switch v := value.(type) {
	case map[string]any:
		return s.object(v)
	case []any:
		return s.list(v)
	case string:
		return s.fromString(v)
	case json.Number:
		if len(s.types()) == 1 && s.accepts("string") {
			return v.String()
		}
	}
	return value
}

func (s subschema) list(values []any) []any {
	items, _ := s.items()
	out := make([]any, len(values))
	for i, value := range values {
		out[i] = items.coerce(value)
	}
	return out
}

// fromString reads the numbers and booleans that older files write as strings.
// It leaves to the validator whether the number is a good one.
func (s subschema) fromString(text string) any {
	trimmed := strings.ToLower(strings.TrimSpace(text))
	switch isTruth := trimmed == "true" || trimmed == "false"; {
	case isTruth && s.accepts("boolean"):
		return trimmed == "true"
	case !isTruth && isNumber(trimmed) && (s.accepts("integer") || s.accepts("number")):
		return json.Number(trimmed)
	}
	return text
}

// isNumber tells whether text is a number as JSON writes it.
func isNumber(text string) bool {
	return text != "" && strings.IndexByte("-0123456789", text[0]) >= 0 &&
		json.Valid([]byte(text)) && numberBounds(text) == nil
}
