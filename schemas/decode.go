package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Decode reads a file that s describes into v, as [json.Unmarshal] does. name
// is the file's, for messages. An error is [Problems], or what Parse says.
func Decode(s *Schema, name string, data []byte, v any) error {
	doc, err := Parse(name, data)
	if err != nil {
		return err
	}
	if err := doc.Validate(s).Err(); err != nil {
		return err
	}
	return doc.Decode(v)
}

// Decode puts the content of the document into v. Numbers whose type v leaves
// open stay json.Number.
func (d *Document) Decode(v any) error {
	text, err := json.Marshal(d.Value)
	if err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	return Unmarshal(text, v)
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
