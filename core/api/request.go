package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"
)

// request is what is decided upon in a body. The rest stays bytes.
type request struct {
	model  string
	stream bool
	fields []field // of the top level, in their order
}

// field is one member of the top level: its name and value as they stand there.
type field struct {
	name       string
	key, value string // raw JSON
}

// parse looks at the top level of a body. A name that stands twice is refused:
// which of the two counts, core and engine would each decide for itself.
func parse(body []byte) (request, error) {
	var r request
	if !json.Valid(body) { // gjson has no bound on depth, and a stack that overflows ends the process
		return r, fault(http.StatusBadRequest, "The body is not valid JSON", "", "invalid_json")
	}
	root := gjson.ParseBytes(body)
	if !root.IsObject() {
		return r, fault(http.StatusBadRequest, "The body must be a JSON object", "", "invalid_json")
	}
	seen := map[string]bool{}
	var err error
	root.ForEach(func(key, value gjson.Result) bool {
		name := key.String()
		if seen[name] {
			err = fault(http.StatusBadRequest, fmt.Sprintf("The field %.60q stands twice in the body", name), name, "duplicate_field")
			return false
		}
		seen[name] = true
		r.fields = append(r.fields, field{name, key.Raw, value.Raw})
		switch name {
		case "model":
			if value.Type != gjson.String {
				err = fault(http.StatusBadRequest, "The field 'model' must be a string", "model", "invalid_type")
				return false
			}
			r.model = value.String()
		case "stream":
			if !value.IsBool() && value.Type != gjson.Null {
				err = fault(http.StatusBadRequest, "The field 'stream' must be true or false", "stream", "invalid_type")
				return false
			}
			r.stream = value.Bool()
		}
		return true
	})
	if err == nil && r.model == "" {
		err = fault(http.StatusBadRequest, "You must provide a model parameter; GET /v1/models lists the models", "model", "missing_model")
	}
	return r, err
}

// with returns the body with the defaults that it lacks; a field that is null
// lacks its value. The fields' own bytes are not changed.
func (r request) with(defaults map[string]any) []byte {
	size := 2
	for _, f := range r.fields {
		size += len(f.key) + len(f.value) + 2
	}
	b := make([]byte, 1, size+64*len(defaults))
	b[0] = '{'
	given := map[string]bool{}
	for _, f := range r.fields {
		_, hasDefault := defaults[f.name]
		if f.value == "null" && hasDefault {
			continue
		}
		given[f.name] = true
		if f.name == "max_completion_tokens" { // the newer name; OpenAI refuses both
			given["max_tokens"] = true
		}
		b = append(append(append(append(b, f.key...), ':'), f.value...), ',')
	}
	for name, value := range defaults {
		if given[name] {
			continue
		}
		key, _ := json.Marshal(name)
		raw, err := json.Marshal(value)
		if err != nil {
			continue // of what came from JSON: it cannot fail
		}
		b = append(append(append(append(b, key...), ':'), raw...), ',')
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}
