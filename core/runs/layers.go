package runs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/schemas"
)

// The layers above those of the model, in rising order.
const (
	originAssistant = "assistant"
	originThread    = "thread"
	originRequest   = "request"
)

// reserved are the fields of a chat completion that a run decides upon itself.
var reserved = []string{"messages", "model", "stream", "stream_options", "n", "tools", "tool_choice", "parallel_tool_calls",
	"functions", "function_call", "instructions", "store", "metadata"}

// layers are the places that say how a run is done.
type layers struct {
	model     Model
	assistant *conversation.Assistant // may be nil
	thread    *conversation.Thread
	request   Request
}

// inThread is what the thread says of the assistant; nil where it says nothing.
func (l layers) inThread() *conversation.ThreadAssistant {
	return inThread(l.thread, assistantID(l.assistant))
}

func inThread(t *conversation.Thread, assistantID string) *conversation.ThreadAssistant {
	for i, a := range t.Assistants {
		if a.AssistantID == assistantID || assistantID == "" {
			return &t.Assistants[i]
		}
	}
	return nil
}

func assistantID(a *conversation.Assistant) string {
	if a == nil {
		return ""
	}
	return a.ID
}

// modelOf is the model that a run is for, and the layer that says so.
func (l layers) modelOf() (id, origin string) {
	in := l.inThread()
	switch {
	case l.request.Run.Model != "":
		return l.request.Run.Model, originRequest
	case in != nil && in.Model != nil && in.Model.ID != "":
		return in.Model.ID, originThread
	case l.assistant != nil:
		return l.assistant.Model, originAssistant
	}
	return "", ""
}

// instructions are those of the uppermost layer that has some, and what the request
// adds to them.
func (l layers) instructions() (text, origin string) {
	if l.assistant != nil && l.assistant.Instructions != nil {
		text, origin = *l.assistant.Instructions, originAssistant
	}
	if in := l.inThread(); in != nil && in.Instructions != nil {
		text, origin = *in.Instructions, originThread
	}
	if l.request.Instructions != nil {
		text, origin = *l.request.Instructions, originRequest
	}
	if more := l.request.AdditionalInstructions; more != "" {
		text, origin = strings.TrimPrefix(text+"\n"+more, "\n"), originRequest
	}
	return text, origin
}

// apply fills in what the layers say of a run.
func (l layers) apply(run *conversation.Run) {
	run.Effective = map[string]conversation.Effective{}
	for name, v := range l.model.Parameters {
		run.Effective[name] = conversation.Effective{Value: v.Value, Origin: v.Origin}
	}
	if a := l.assistant; a != nil {
		lay(run, originAssistant, canonical(a.Parameters))
		lay(run, originAssistant, v2(a.Temperature, a.TopP, a.ResponseFormat, a.Reasoning))
		l.ignoreSettings(run, originAssistant, a.Settings)
		if run.Tools == nil {
			run.Tools = a.Tools
		}
	}
	if in := l.inThread(); in != nil && in.Model != nil {
		lay(run, originThread, canonical(in.Model.Parameters))
		l.ignoreSettings(run, originThread, in.Model.Settings)
	}
	lay(run, originRequest, canonical(l.request.Parameters))
	lay(run, originRequest, v2(run.Temperature, run.TopP, run.ResponseFormat, l.request.Reasoning))
	if run.MaxCompletionTokens != nil {
		delete(run.Effective, "max_tokens") // the older name of the same
		lay(run, originRequest, map[string]any{"max_completion_tokens": *run.MaxCompletionTokens})
	}
	l.name(run)
}

// name says which model answers with which instructions, and shows in the fields of the
// API what is in force.
func (l layers) name(run *conversation.Run) {
	var origin string
	run.Model, origin = l.modelOf()
	run.Effective["model"] = conversation.Effective{Value: run.Model, Origin: origin}
	if run.Instructions, origin = l.instructions(); origin != "" {
		run.Effective["instructions"] = conversation.Effective{Value: run.Instructions, Origin: origin}
	}
	run.Temperature, run.TopP = number(run.Effective["temperature"].Value), number(run.Effective["top_p"].Value)
	if format, given := run.Effective["response_format"]; given {
		if isAuto(format.Value) {
			delete(run.Effective, "response_format") // what is done anyway
		}
		run.ResponseFormat, _ = json.Marshal(format.Value) // of what came from JSON: it cannot fail
	}
}

// lay puts a layer over those below.
func lay(run *conversation.Run, origin string, values map[string]any) {
	for name, value := range values {
		run.Effective[name] = conversation.Effective{Value: value, Origin: origin}
	}
}

// v2 are the parameters that OpenAI's assistants and runs have by name.
func v2(temperature, topP *float64, format json.RawMessage, reasoning *string) map[string]any {
	values := map[string]any{}
	if temperature != nil {
		values["temperature"] = *temperature
	}
	if topP != nil {
		values["top_p"] = *topP
	}
	if reasoning != nil {
		values["reasoning_effort"] = *reasoning
	}
	if len(format) > 0 && string(format) != "null" {
		values["response_format"] = format
	}
	return values
}

// canonical are parameters as a request has them: of the older API some have other
// names, and numbers that are texts.
func canonical(older map[string]any) map[string]any {
	values := maps.Clone(older)
	if limit, ok := values["token_limit"]; ok && values["max_tokens"] == nil {
		values["max_tokens"] = limit
	}
	maps.DeleteFunc(values, func(name string, value any) bool {
		return value == nil || value == "N/A" || name == "token_limit" || slices.Contains(reserved, name)
	})
	coerced, _ := schemas.Model().Coerce(map[string]any{"parameters": values})["parameters"].(map[string]any)
	return coerced
}

// ignoreSettings says that settings of loading are not applied, where the model is
// loaded with others: a thread would load it again under those that use it.
func (l layers) ignoreSettings(run *conversation.Run, of string, settings map[string]any) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if own, known := l.model.Settings[name]; !known || fmt.Sprint(own.Value) != fmt.Sprint(settings[name]) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		run.Ignored = append(run.Ignored, fmt.Sprintf("Settings of the %s (%s): a model is loaded with its own, for all that use it; change those of the model", of, strings.Join(names, ", ")))
	}
}

// number is a parameter that is one; nil where it is not.
func number(value any) *float64 {
	switch n := value.(type) {
	case float64:
		return &n
	case int:
		f := float64(n)
		return &f
	case json.Number:
		if f, err := n.Float64(); err == nil {
			return &f
		}
	}
	return nil
}

// parameters are those that a run sends along: what lies under them, the model's own,
// every request gets on its way.
func parameters(run *conversation.Run) map[string]any {
	sent := map[string]any{}
	for name, v := range run.Effective {
		above := v.Origin == originAssistant || v.Origin == originThread || v.Origin == originRequest
		if above && !slices.Contains(reserved, name) && !isAuto(v.Value) {
			sent[name] = v.Value
		}
	}
	return sent
}

// isAuto says whether a parameter says what is done anyway: response_format "auto".
func isAuto(value any) bool {
	switch v := value.(type) {
	case string:
		return v == "auto"
	case json.RawMessage:
		return string(v) == `"auto"`
	}
	return false
}
