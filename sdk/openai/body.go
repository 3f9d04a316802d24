package openai

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// A Body is a request by its top level fields; what is not read stays as it was written.
type Body map[string]json.RawMessage

// ReadBody reads a request. How large one may be is a setting of the core, which has
// looked. Its error is an [*Error].
func ReadBody(r *http.Request) (Body, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, Errorf("", "", "The request could not be read to its end")
	}
	var b Body
	if json.Unmarshal(text, &b) != nil || b == nil {
		return nil, Errorf("", "invalid_json", "The body must be a JSON object")
	}
	return b, nil
}

// Has says whether a field is there and is not null.
func (b Body) Has(field string) bool {
	value := bytes.TrimSpace(b[field])
	return len(value) > 0 && string(value) != "null"
}

// Read decodes a field into v, as [json.Unmarshal] does. It is false where the field is
// not there, or of another type; v is then not to be relied upon.
func (b Body) Read(field string, v any) bool {
	return b.Has(field) && json.Unmarshal(b[field], v) == nil
}

// Set writes a field. v must be what JSON has a form for; what has none becomes null.
func (b Body) Set(field string, v any) { b[field] = encode(v) }

// marshal is [json.Marshal] without the escapes for web pages.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
