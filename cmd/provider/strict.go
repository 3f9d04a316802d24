package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// strict reads what stands at a place of a request, and refuses fields that the
// service does not know.
func strict(place string, data []byte, v any) error {
	if len(data) == 0 {
		return fmt.Errorf("%s: Field required", place)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		return nil
	}
	if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return fmt.Errorf("%s: Extra inputs are not permitted", under(place, strings.Trim(field, `"`)))
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s: Input should be a valid %s", under(place, kind.Field), kind.Type)
	}
	return refuse("The request body is not valid JSON: %v", err)
}

func under(place, field string) string { return strings.Trim(place+"."+field, ".") }

// texts are those of a content that is a string or a list of text blocks.
func texts(place string, content json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(content, &one) == nil {
		return []string{one}, nil
	}
	var blocks []json.RawMessage
	if err := strict(place, content, &blocks); err != nil {
		return nil, err
	}
	var all []string
	for i, raw := range blocks {
		var block struct {
			Type         string         `json:"type"`
			Text         string         `json:"text"`
			CacheControl map[string]any `json:"cache_control"`
		}
		at := fmt.Sprintf("%s.%d", place, i)
		if err := strict(at, raw, &block); err != nil {
			return nil, err
		}
		if block.Type != "text" || block.Text == "" {
			return nil, fmt.Errorf("%s: text content blocks must be non-empty", at)
		}
		all = append(all, block.Text)
	}
	return all, nil
}

// sample is a value that is valid by a JSON schema, made of the words of a question.
func sample(schema map[string]any, words string) any {
	if all, ok := schema["enum"].([]any); ok && len(all) > 0 {
		return all[0]
	}
	switch schema["type"] {
	case "string":
		return words
	case "integer", "number":
		return len(strings.Fields(words))
	case "boolean":
		return true
	case "array":
		items, _ := schema["items"].(map[string]any)
		return []any{sample(items, words)}
	case "null":
		return nil
	}
	object := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		of, _ := properties[fmt.Sprint(name)].(map[string]any)
		object[fmt.Sprint(name)] = sample(of, words)
	}
	return object
}

// refusal is a service's own sentence, which has a capital and a point at its end
// where it likes to.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }
