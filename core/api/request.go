package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/gofiber/fiber/v2"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
)

// request is what is decided upon in a body. The rest stays bytes.
type request struct {
	model     string
	stream    bool
	keepAlive *time.Duration
	fields    []field // of the top level, in their order

	body        []byte // as it came, where nothing is to be taken out of it; the fields are parts of it
	contentType string
	form        []byte // a multipart body, which goes on as it is
}

// field is one member of the top level: its name and value as they stand there.
type field struct {
	name       string
	key, value string // raw JSON
}

// parse looks at the top level of a body. A name that stands twice is refused:
// which of the two counts, core and engine would each decide for itself.
func parse(body []byte) (request, error) {
	r := request{contentType: fiber.MIMEApplicationJSON}
	if !valid(body) {
		return r, fault(http.StatusBadRequest, "The body is not valid JSON", "", "invalid_json")
	}
	r.body = body
	root := gjson.Parse(unsafe.String(unsafe.SliceData(body), len(body))) // which nobody changes while the request lasts
	if !root.IsObject() {
		return r, fault(http.StatusBadRequest, "The body must be a JSON object", "", "invalid_json")
	}
	seen := map[string]bool{}
	var err error
	root.ForEach(func(key, value gjson.Result) bool {
		name := key.String()
		if seen[name] {
			err = fault(http.StatusBadRequest, fmt.Sprintf("The field %.60q stands twice in the body", name), name[:min(len(name), 60)], "duplicate_field")
			return false
		}
		seen[name] = true
		if name == "keep_alive" { // ours: an engine may refuse what it does not know
			r.keepAlive, err = keepAlive(value)
			r.body = nil
			return err == nil
		}
		r.fields = append(r.fields, field{name, key.Raw, value.Raw})
		switch name {
		case "model":
			if value.Type != gjson.String {
				err = fault(http.StatusBadRequest, "The field 'model' must be a string", "model", "invalid_type")
				return false
			}
			r.model = strings.Clone(value.String()) // it outlives the request
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
		err = missingModel()
	}
	return r, err
}

// valid says whether a body is JSON. gjson sees it three times as fast as the
// standard library, but has no bound on depth, and a stack that overflows ends
// the process.
func valid(body []byte) bool {
	const deep = 10_000 // also the standard library's bound
	if bytes.Count(body, []byte("[")) < deep/2 && bytes.Count(body, []byte("{")) < deep/2 {
		return gjson.ValidBytes(body)
	}
	return json.Valid(body)
}

func missingModel() error {
	return fault(http.StatusBadRequest, "You must provide a model parameter; GET /v1/models lists the models", "model", "missing_model")
}

// keepAlive reads how long a model is to stay: seconds, or a text such as "10m".
// Below 0 is for ever.
func keepAlive(value gjson.Result) (*time.Duration, error) {
	switch value.Type {
	case gjson.Null:
		return nil, nil
	case gjson.Number:
		d := time.Duration(max(-1, min(value.Float(), maxKeepAlive.Seconds())) * float64(time.Second))
		return &d, nil
	case gjson.String:
		if d, err := core.ParseKeepAlive(value.String()); err == nil {
			return &d, nil
		}
	}
	return nil, fault(http.StatusBadRequest, "The field 'keep_alive' must be a number of seconds or a text such as \"10m\"; \"forever\" or -1 keeps the model", "keep_alive", "invalid_value")
}

const maxKeepAlive = 365 * 24 * time.Hour

// parseForm looks at the fields of a multipart body, as audio comes in; the files
// in it are passed over.
func parseForm(contentType string, body []byte) (request, error) {
	r := request{contentType: contentType, form: body}
	malformed := fault(http.StatusBadRequest, "The body must be multipart/form-data with a field 'model'", "", "invalid_form")
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return r, malformed
	}
	for parts := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return r, malformed
		}
		value := make([]byte, maxFormValue)
		switch part.FormName() {
		case "model":
			n, _ := io.ReadFull(part, value)
			if r.model != "" {
				return r, fault(http.StatusBadRequest, "The field 'model' stands twice in the body", "model", "duplicate_field")
			}
			r.model = string(value[:n])
		case "stream":
			n, _ := io.ReadFull(part, value)
			r.stream = string(value[:n]) == "true"
		}
	}
	if r.model == "" {
		return r, missingModel()
	}
	return r, nil
}

// maxFormValue bounds a field of a form that is looked at, in bytes.
const maxFormValue = 1024

// to is the request with the name of another model in its body; a form goes on as it is.
func (r request) to(model string) request {
	if r.form != nil || model == r.model {
		return r
	}
	r.body, r.model, r.fields = nil, model, slices.Clone(r.fields)
	for i, f := range r.fields {
		if f.name == "model" {
			name, _ := json.Marshal(model) // of a text: it cannot fail
			r.fields[i].value = string(name)
		}
	}
	return r
}

// with returns the body with the defaults that it lacks; a field that is null
// lacks its value. The fields' own bytes are not changed.
func (r request) with(defaults map[string]any) []byte {
	if r.form != nil {
		return r.form
	}
	if r.body != nil && len(defaults) == 0 {
		return r.body
	}
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
