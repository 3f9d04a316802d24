package schemas

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Decode reads a file that s describes into v, as [json.Unmarshal] does. name
// is the file's, for messages. An error is [Problems], or what Parse says.
func Decode(s *Schema, name string, data []byte, v any) error {
	return DecodeLarge(s, name, data, maxFile, v)
}

// DecodeLarge is Decode for a file that a program writes, of at most so many bytes.
func DecodeLarge(s *Schema, name string, data []byte, most int, v any) error {
	doc, err := parse(name, data, most)
	if err != nil {
		return err
	}
	if err := doc.Validate(s).Err(); err != nil {
		return err
	}
	return doc.Decode(v)
}

// Decode puts the content of the document into v. Numbers whose type v leaves
// open stay json.Number. The members of a struct are found by their names to the
// letter: encoding/json takes "Env" for "env", which no schema has checked.
func (d *Document) Decode(v any) error {
	text, err := json.Marshal(exact(reflect.TypeOf(v), d.Value))
	if err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	return Unmarshal(text, v)
}

// exact is a value without the members that a struct of type t does not name; a
// field without a tag has its own name in small letters.
func exact(t reflect.Type, value any) any {
	switch members, isObject := value.(map[string]any); {
	case t.Kind() == reflect.Pointer:
		return exact(t.Elem(), value)
	case t.Kind() == reflect.Struct && isObject:
		kept := map[string]any{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			name = cmp.Or(name, strings.ToLower(t.Field(i).Name))
			if member, ok := members[name]; ok {
				kept[name] = exact(t.Field(i).Type, member)
			}
		}
		return kept
	case t.Kind() == reflect.Map && isObject:
		all := map[string]any{}
		for name, member := range members {
			all[name] = exact(t.Elem(), member)
		}
		return all
	case t.Kind() == reflect.Slice:
		list, _ := value.([]any)
		all := make([]any, len(list))
		for i, member := range list {
			all[i] = exact(t.Elem(), member)
		}
		return all
	}
	return value
}

// Nearest returns the candidate that name resembles most, and "" where it
// resembles none: for "did you mean …?".
func Nearest(name string, candidates []string) string { return nearest(name, candidates) }

// Unmarshal is [json.Unmarshal] with numbers kept as json.Number where the type
// of v leaves them open, as validation wants them.
func Unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}
