package main

import (
	"encoding/json"
	"slices"

	"github.com/enginebay/enginebay/sdk/openai"
)

// narrow does what an object tool_choice asks for: llama-server (b11669) reads one
// as "auto". The tools become those that are chosen, and one of them must be called.
// Tools that no template would show to the model are refused.
func (t traits) narrow(b openai.Body) error {
	var tools []json.RawMessage
	b.Read("tools", &tools)
	choice := choiceOf(b["tool_choice"])
	switch {
	case choice.none:
		delete(b, "tools") // what must not be called, the model need not see
		delete(b, "tool_choice")
		return nil
	case len(tools) > 0 && !t.tools:
		return unsupported("tools", "The chat template of the model '%s' has no place for tools: it would not see them. Give it one with the setting chat_template, or leave 'tools' out", t.model)
	case len(choice.names) == 0:
		return nil
	}
	chosen := []json.RawMessage{}
	for _, name := range choice.names {
		i := slices.IndexFunc(tools, func(tool json.RawMessage) bool { return nameOf(tool) == name })
		if i < 0 {
			return openai.Errorf("tool_choice", "invalid_value", "Invalid 'tool_choice': there is no tool '%s' in 'tools'", name)
		}
		chosen = append(chosen, tools[i])
	}
	b.Set("tools", chosen)
	b.Set("tool_choice", choice.then)
	return nil
}

// toolChoice is what a tool_choice comes to.
type toolChoice struct {
	none  bool
	names []string // of the tools that it leaves; none is all
	then  any      // what it comes to with those, as llama-server reads it
}

// choiceOf reads the forms of the three APIs that have tools: a function of a chat
// is in an object "function", that of a response is not, and Anthropic's is a "tool".
func choiceOf(raw json.RawMessage) toolChoice {
	var word string
	if json.Unmarshal(raw, &word) == nil {
		return toolChoice{none: word == "none"}
	}
	var given struct {
		Type, Name, Mode string
		Function         struct{ Name string }
		Tools            []json.RawMessage
		Allowed          struct {
			Mode  string
			Tools []json.RawMessage
		} `json:"allowed_tools"`
	}
	if json.Unmarshal(raw, &given) != nil {
		return toolChoice{}
	}
	switch given.Type {
	case "none":
		return toolChoice{none: true}
	case "function":
		return toolChoice{names: []string{given.Name + given.Function.Name}, then: "required"}
	case "tool":
		return toolChoice{names: []string{given.Name}, then: map[string]string{"type": "any"}}
	case "allowed_tools":
		choice := toolChoice{then: given.Mode + given.Allowed.Mode}
		for _, tool := range append(given.Tools, given.Allowed.Tools...) {
			choice.names = append(choice.names, nameOf(tool))
		}
		return choice
	}
	return toolChoice{}
}

// nameOf is the name of a tool, or of what chooses one.
func nameOf(tool json.RawMessage) string {
	var t struct {
		Name     string
		Function struct{ Name string }
	}
	_ = json.Unmarshal(tool, &t) // another form has no name
	return t.Name + t.Function.Name
}
