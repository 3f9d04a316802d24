package conversation

import (
	"encoding/json"
	"fmt"
	"regexp"
)

const maxTools = 128

var functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// tools takes what a model may call.
func (r *reader) tools(to *[]json.RawMessage) {
	all, ok := r.list("tools", maxTools)
	if !ok {
		return
	}
	for i, raw := range all {
		tool := r.within(raw, fmt.Sprintf("tools[%d]", i))
		tool.tool()
		r.adopt(tool)
	}
	*to = append([]json.RawMessage{}, all...)
}

func (r *reader) tool() {
	var kind string
	r.text("type", 64, &kind)
	switch kind {
	case "function":
		raw, _, _ := r.take("function")
		if raw == nil {
			r.fail("function", "is missing")
			return
		}
		function := r.within(raw, "function")
		function.function()
		r.adopt(function)
	case "file_search":
	case "code_interpreter":
		r.refuse("type", "This server runs no code; leave the tool code_interpreter out.")
	default:
		r.fail("type", "must be function or file_search, and not %.60q", kind)
	}
}

func (r *reader) function() {
	var name, description string
	var parameters map[string]any
	if r.text("name", 64, &name); !functionName.MatchString(name) {
		r.fail("name", "must be up to 64 letters, digits, '_' and '-'")
	}
	r.text("description", maxInstructions, &description)
	r.object("parameters", &parameters)
}

// toolResources takes what tools work with, of which there is nothing here: files are
// attached to messages.
func (r *reader) toolResources(to *json.RawMessage) {
	const name = "tool_resources"
	raw, null, ok := r.take(name)
	if !ok || null {
		r.any(name, to)
		return
	}
	resources := r.within(raw, name)
	for _, c := range []struct{ tool, field, sentence string }{
		{"file_search", "vector_store_ids", "There are no vector stores here; attach files to messages instead, and they are put before them."},
		{"file_search", "vector_stores", "There are no vector stores here; attach files to messages instead, and they are put before them."},
		{"code_interpreter", "file_ids", "This server runs no code; leave the files of code_interpreter out."},
	} {
		if raw, null, ok := resources.take(c.tool); ok && !null {
			tool := resources.within(raw, c.tool)
			if all, _ := tool.list(c.field, maxTools); len(all) > 0 {
				tool.refuse(c.field, c.sentence)
			}
			resources.adopt(tool)
		}
	}
	r.adopt(resources)
	*to = raw
}

// responseFormat takes the form that an answer is to have; null is "auto".
func (r *reader) responseFormat(to *json.RawMessage) {
	const name = "response_format"
	raw, null, ok := r.take(name)
	switch {
	case !ok:
	case null || string(raw) == `"auto"`:
		*to = json.RawMessage(`"auto"`)
	case raw[0] != '{':
		r.fail(name, `must be "auto" or an object`)
	default:
		format := r.within(raw, name)
		var kind string
		if format.oneOf("type", &kind, "text", "json_object", "json_schema"); kind == "" {
			format.fail("type", "is missing")
		}
		r.adopt(format)
		*to = raw
	}
}
