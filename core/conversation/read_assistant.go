package conversation

import (
	"encoding/json"
	"fmt"
	"slices"
)

// The limits of OpenAI, in characters.
const (
	maxInstructions = 256_000
	maxName         = 256
	maxDescription  = 512
	maxModel        = 512
)

// ReadAssistant reads an assistant as clients make it: in OpenAI's form (v2), or in the
// older one with models. Its id and time are the store's. What is refused is a
// [FieldError]; the limits are OpenAI's.
func ReadAssistant(body []byte) (*Assistant, error) {
	a, r := newAssistant(), read(body, "")
	if r.assistant(a); !a.anyModel() {
		r.refuse("model", "You must provide a model parameter; GET /v1/models lists the models.")
	}
	return a, r.done()
}

func newAssistant() *Assistant {
	return &Assistant{Object: "assistant", Tools: []json.RawMessage{}, Metadata: Metadata{}, ResponseFormat: json.RawMessage(`"auto"`)}
}

// Change changes what a body names; null clears. [FieldError]: the assistant must not be
// used any more.
func (a *Assistant) Change(body []byte) error {
	r, had := read(body, ""), a.anyModel()
	if r.assistant(a); had && !a.anyModel() {
		r.refuse("model", "An assistant has a model; GET /v1/models lists the models.")
	}
	return r.done()
}

// anyModel says whether the assistant names a model, or any. One that was imported need
// not.
func (a *Assistant) anyModel() bool { return a.Model != "" || len(a.Models) > 0 }

func (r *reader) assistant(a *Assistant) {
	r.bounded(MaxObject, "")
	r.optional("name", maxName, &a.Name)
	r.optional("description", maxDescription, &a.Description)
	r.optional("instructions", maxInstructions, &a.Instructions)
	r.tools(&a.Tools)
	r.toolResources(&a.ToolResources)
	r.metadata(&a.Metadata)
	r.number("temperature", 0, 2, &a.Temperature)
	r.number("top_p", 0, 1, &a.TopP)
	r.responseFormat(&a.ResponseFormat)
	r.optional("reasoning_effort", 64, &a.Reasoning)
	r.text("avatar", maxInstructions, &a.Avatar)
	r.any("version", &a.Version)
	r.any("events", &a.Events)
	r.object("parameters", &a.Parameters)
	r.object("settings", &a.Settings)
	r.models(a)
}

// models takes the model, and the older list of models, whose first is the model: "*"
// there is any.
func (r *reader) models(a *Assistant) {
	if all, ok := r.list("models", maxTools); ok {
		a.Models, a.Model = nil, ""
		for i, raw := range all {
			one, m := r.within(raw, fmt.Sprintf("models[%d]", i)), ModelID{}
			if one.text("model_id", maxModel, &m.ID); m.ID == "" {
				one.fail("model_id", "is missing")
			}
			r.adopt(one)
			a.Models = append(a.Models, m)
		}
		if len(a.Models) > 0 && a.Models[0].ID != "*" {
			a.Model = a.Models[0].ID
		}
	}
	r.text("model", maxModel, &a.Model)
	if first := (ModelID{a.Model}); a.Model != "" && len(a.Models) > 0 && a.Models[0] != first {
		rest := slices.DeleteFunc(slices.Clone(a.Models), func(m ModelID) bool { return m == first })
		a.Models = append([]ModelID{first}, rest...)
	}
}
