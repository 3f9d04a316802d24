package main

import (
	"fmt"
	"strings"

	"github.com/enginebay/enginebay/sdk/openai"
)

// cohereChat is a chat as Cohere's API wants it.
type cohereChat struct {
	Model            string          `json:"model"`
	Messages         []cohereMessage `json:"messages"`
	Stream           bool            `json:"stream"`
	Tools            []cohereTool    `json:"tools,omitempty"`
	StrictTools      bool            `json:"strict_tools,omitempty"`
	ToolChoice       string          `json:"tool_choice,omitempty"`
	ResponseFormat   *cohereFormat   `json:"response_format,omitempty"`
	MaxTokens        *int64          `json:"max_tokens,omitempty"`
	StopSequences    []string        `json:"stop_sequences,omitempty"`
	Temperature      *float64        `json:"temperature,omitempty"`
	P                *float64        `json:"p,omitempty"`
	K                *int64          `json:"k,omitempty"`
	Seed             *int64          `json:"seed,omitempty"`
	FrequencyPenalty *float64        `json:"frequency_penalty,omitempty"`
	PresencePenalty  *float64        `json:"presence_penalty,omitempty"`
	Thinking         *cohereThinking `json:"thinking,omitempty"`
}

type cohereMessage struct {
	Role       string     `json:"role"`
	Content    any        `json:"content,omitempty"` // a text or parts
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolPlan   string     `json:"tool_plan,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type coherePart struct {
	Type     string       `json:"type"`
	Text     string       `json:"text,omitempty"`
	ImageURL *cohereImage `json:"image_url,omitempty"`
}

type cohereImage struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

type cohereTool struct {
	Type     string         `json:"type"`
	Function cohereFunction `json:"function"`
}

type cohereFunction struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitempty"`
	Parameters  map[string]any `json:"parameters"`
}

type cohereFormat struct {
	Type       string         `json:"type"`
	JSONSchema map[string]any `json:"json_schema,omitempty"`
}

type cohereThinking struct {
	Type        string `json:"type"`
	TokenBudget int64  `json:"token_budget,omitempty"`
}

// cohereAsk translates a chat. Numbers beyond what the API takes become its bounds.
func cohereAsk(u *upstream, c *chat) (*cohereChat, error) {
	asked := &cohereChat{Model: u.name, Stream: true, MaxTokens: c.limit(), StopSequences: c.Stop, Temperature: c.Temperature, Seed: c.Seed,
		P: within(c.TopP, 0.01, 0.99), K: within(c.TopK, 0, 500), FrequencyPenalty: within(c.FrequencyPenalty, 0, 1), PresencePenalty: within(c.PresencePenalty, 0, 1)}
	for i, m := range c.Messages {
		if err := asked.add(fmt.Sprintf("messages[%d]", i), m); err != nil {
			return nil, err
		}
	}
	if len(asked.Messages) == 0 {
		return nil, openai.Errorf("messages", "invalid_value", "messages has no text; the service wants one")
	}
	asked.offer(c)
	asked.think(c.ReasoningEffort)
	return asked, asked.shape(c)
}

// within is a number between bounds, where there is one.
func within[N int64 | float64](n *N, low, high N) *N {
	if n == nil {
		return nil
	}
	bound := max(low, min(high, *n))
	return &bound
}

// add translates a message. Roles are those of OpenAI, and developers are the system.
func (a *cohereChat) add(at string, m message) error {
	switch m.Role {
	case "user":
		return a.addUser(at, m)
	case "assistant":
		return a.addAssistant(at, m)
	case "system", "developer", "tool":
		text, err := m.Content.text(at + ".content")
		switch {
		case err != nil:
			return err
		case m.Role == "tool":
			if text == "" {
				text = "(no result)" // an empty one is refused there
			}
			a.Messages = append(a.Messages, cohereMessage{Role: "tool", Content: text, ToolCallID: m.ToolCallID})
		case strings.TrimSpace(text) != "":
			a.Messages = append(a.Messages, cohereMessage{Role: "system", Content: text})
		}
		return nil
	}
	return openai.Errorf(at+".role", "unsupported_value", "%s.role can be system, developer, user, assistant or tool here, and not '%.32s'", at, m.Role)
}

func (a *cohereChat) addUser(at string, m message) error {
	var content []coherePart
	for i, part := range m.Content {
		switch {
		case part.Type == "text" && part.Text != "":
			content = append(content, coherePart{Type: "text", Text: part.Text})
		case part.Type == "text":
		case part.Type == "image_url":
			image := &cohereImage{URL: part.ImageURL.URL}
			if detail := part.ImageURL.Detail; detail == "low" || detail == "high" || detail == "auto" {
				image.Detail = detail
			}
			content = append(content, coherePart{Type: "image_url", ImageURL: image})
		default:
			return openai.Errorf(fmt.Sprintf("%s.content[%d].type", at, i), "unsupported_value", "%s.content[%d] is of the type '%.32s'; there can be text and image_url here", at, i, part.Type)
		}
	}
	switch {
	case len(content) == 1 && content[0].Type == "text":
		a.Messages = append(a.Messages, cohereMessage{Role: "user", Content: content[0].Text})
	case len(content) > 0:
		a.Messages = append(a.Messages, cohereMessage{Role: "user", Content: content})
	}
	return nil
}

// addAssistant has what was said beside calls of tools as the plan, where the API
// has a place for it.
func (a *cohereChat) addAssistant(at string, m message) error {
	text, err := m.Content.text(at + ".content")
	if err != nil {
		return err
	}
	if text == "" {
		text = m.Refusal
	}
	if len(m.ToolCalls) == 0 {
		if text != "" {
			a.Messages = append(a.Messages, cohereMessage{Role: "assistant", Content: text})
		}
		return nil
	}
	said := cohereMessage{Role: "assistant", ToolPlan: text}
	for i, call := range m.ToolCalls {
		arguments, err := call.Function.arguments(fmt.Sprintf("%s.tool_calls[%d].function.arguments", at, i))
		if err != nil {
			return err
		}
		if len(arguments) == 0 {
			call.Function.Arguments = "{}"
		}
		call.Type = "function"
		said.ToolCalls = append(said.ToolCalls, call)
	}
	a.Messages = append(a.Messages, said)
	return nil
}

// offer offers the tools. A tool that must be called is the only one there: the API
// has no other way to name it.
func (a *cohereChat) offer(c *chat) {
	choice, strict := c.choice(), true
	for _, tool := range c.Tools {
		f := tool.Function
		if choice.mode == "function" && f.Name != choice.name {
			continue
		}
		required, _ := f.Parameters["required"].([]any)
		strict = strict && f.Strict && len(required) > 0 // one that needs nothing cannot be strict there
		a.Tools = append(a.Tools, cohereTool{"function", cohereFunction{f.Name, f.Description, f.parameters()}})
	}
	if len(a.Tools) > 0 {
		a.StrictTools = strict
		a.ToolChoice = map[string]string{"required": "REQUIRED", "function": "REQUIRED", "none": "NONE"}[choice.mode]
	}
}

// think says how much the model shall think, where the client does; there are models
// that cannot, and the service says so.
func (a *cohereChat) think(effort string) {
	switch effort {
	case "":
	case "none":
		a.Thinking = &cohereThinking{Type: "disabled"}
	default:
		a.Thinking = &cohereThinking{"enabled", map[string]int64{"minimal": 512, "low": 2048, "medium": 8192}[effort]}
	}
}

// shape asks for JSON.
func (a *cohereChat) shape(c *chat) error {
	kind, schema := c.format()
	switch {
	case kind == "":
	case kind == "json_object", kind == "json_schema" && schema != nil:
		a.ResponseFormat = &cohereFormat{"json_object", schema}
	default:
		return openai.Errorf("response_format", "unsupported_value", "response_format can be text, json_object, or json_schema with a schema here")
	}
	return nil
}
