package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// cohereAsk is a request for a chat.
type cohereAsk struct {
	Model          string            `json:"model"`
	Messages       []json.RawMessage `json:"messages"`
	Stream         bool              `json:"stream"`
	Tools          []cohereTool      `json:"tools"`
	StrictTools    bool              `json:"strict_tools"`
	ToolChoice     string            `json:"tool_choice"`
	ResponseFormat *struct {
		Type       string         `json:"type"`
		JSONSchema map[string]any `json:"json_schema"`
	} `json:"response_format"`
	SafetyMode       string   `json:"safety_mode"`
	MaxTokens        *int     `json:"max_tokens"`
	StopSequences    []string `json:"stop_sequences"`
	Temperature      *float64 `json:"temperature"`
	Seed             *int     `json:"seed"`
	FrequencyPenalty *float64 `json:"frequency_penalty"`
	PresencePenalty  *float64 `json:"presence_penalty"`
	K                *int     `json:"k"`
	P                *float64 `json:"p"`
	Logprobs         bool     `json:"logprobs"`
	Thinking         *struct {
		Type        string `json:"type"`
		TokenBudget *int   `json:"token_budget"`
	} `json:"thinking"`

	words int      // of all messages
	last  []string // of the last message
	after bool     // whether that one is a tool's result
}

type cohereTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Parameters  map[string]any `json:"parameters"`
	} `json:"function"`
}

func (a *cohereAsk) judge() error {
	between := func(name string, n *float64, low, high float64) error {
		if n != nil && (*n < low || *n > high) {
			return fmt.Errorf("%s must be between %g and %g inclusive", name, low, high)
		}
		return nil
	}
	err := errors.Join(between("p", a.P, 0.01, 0.99), between("frequency_penalty", a.FrequencyPenalty, 0, 1), between("presence_penalty", a.PresencePenalty, 0, 1))
	switch {
	case err != nil:
		return err
	case a.Model == "":
		return errors.New("model is required")
	case a.Temperature != nil && *a.Temperature < 0:
		return errors.New("temperature must be 0 or greater")
	case a.K != nil && (*a.K < 0 || *a.K > 500):
		return errors.New("k must be between 0 and 500 inclusive")
	case a.MaxTokens != nil && *a.MaxTokens < 1:
		return errors.New("max_tokens must be at least 1")
	case len(a.StopSequences) > 5:
		return errors.New("too many stop sequences, at most 5 are allowed")
	case !slices.Contains([]string{"", "REQUIRED", "NONE"}, a.ToolChoice):
		return errors.New("tool_choice must be one of REQUIRED, NONE")
	case a.ToolChoice != "" && len(a.Tools) == 0:
		return errors.New("tool_choice requires tools")
	case a.Thinking != nil && a.Thinking.Type != "enabled" && a.Thinking.Type != "disabled":
		return errors.New("thinking.type must be one of enabled, disabled")
	case a.ResponseFormat != nil && a.ResponseFormat.Type != "json_object" && a.ResponseFormat.Type != "text":
		return errors.New("response_format.type must be one of text, json_object")
	case a.ResponseFormat != nil && a.ResponseFormat.Type == "json_object" && len(a.Tools) > 0:
		return errors.New("response_format is not supported with tools")
	}
	for _, tool := range a.Tools {
		if tool.Type != "function" || tool.Function.Name == "" || tool.Function.Parameters == nil {
			return errors.New("tools must have a type of function, a name and parameters")
		}
	}
	return a.readMessages()
}

// readMessages holds the conversation against the rules of roles and calls.
func (a *cohereAsk) readMessages() error {
	if len(a.Messages) == 0 {
		return errors.New("list of messages must be at least 1 message long")
	}
	open := map[string]bool{} // calls that have no result yet
	for i, raw := range a.Messages {
		var role struct{ Role string }
		if err := json.Unmarshal(raw, &role); err != nil {
			return err
		}
		if role.Role != "tool" && len(open) > 0 {
			return fmt.Errorf("messages[%d]: every tool call must be followed by a tool message with its id", i)
		}
		words, err := readCohere(role.Role, raw, open)
		if err != nil {
			return fmt.Errorf("messages[%d]: %w", i, err)
		}
		a.words += len(words)
		a.last, a.after = words, role.Role == "tool"
		if i == len(a.Messages)-1 && role.Role == "assistant" {
			return errors.New("the last message must be from the user or a tool")
		}
	}
	if len(open) > 0 {
		return errors.New("every tool call must be followed by a tool message with its id")
	}
	return nil
}

func readCohere(role string, raw json.RawMessage, open map[string]bool) ([]string, error) {
	var message struct {
		Role       string           `json:"role"`
		Content    json.RawMessage  `json:"content"`
		ToolCalls  []cohereCall     `json:"tool_calls"`
		ToolPlan   string           `json:"tool_plan"`
		ToolCallID string           `json:"tool_call_id"`
		Citations  []map[string]any `json:"citations"`
	}
	if err := strict("", raw, &message); err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains([]string{"user", "assistant", "system", "tool"}, role):
		return nil, fmt.Errorf("role must be one of user, assistant, system, tool, not '%s'", role)
	case role != "assistant" && (len(message.ToolCalls) > 0 || message.ToolPlan != ""):
		return nil, errors.New("only an assistant has tool_calls and a tool_plan")
	case role == "tool" && !open[message.ToolCallID]:
		return nil, fmt.Errorf("tool_call_id '%s' is of no call before it", message.ToolCallID)
	case role == "assistant" && len(message.Content) == 0 && len(message.ToolCalls) == 0, role != "assistant" && len(message.Content) == 0:
		return nil, errors.New("content is required")
	}
	delete(open, message.ToolCallID)
	for _, call := range message.ToolCalls {
		var arguments map[string]any
		if call.ID == "" || call.Type != "function" || call.Function.Name == "" || json.Unmarshal([]byte(call.Function.Arguments), &arguments) != nil {
			return nil, errors.New("tool_calls must have an id, a type of function, a name, and arguments that are a JSON object")
		}
		open[call.ID] = true
	}
	if len(message.Content) == 0 {
		return nil, nil
	}
	return readCohereContent(role, message.Content)
}

type cohereCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

func readCohereContent(role string, content json.RawMessage) ([]string, error) {
	var text string
	if json.Unmarshal(content, &text) == nil {
		if text == "" && role != "assistant" {
			return nil, errors.New("content must be at least 1 token long")
		}
		return strings.Fields(text), nil
	}
	var items []struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Thinking string `json:"thinking"`
		ImageURL *struct {
			URL    string `json:"url"`
			Detail string `json:"detail"`
		} `json:"image_url"`
		Document map[string]any `json:"document"`
	}
	if err := strict("content", content, &items); err != nil {
		return nil, err
	}
	var words []string
	for _, item := range items {
		switch {
		case item.Type == "text":
			words = append(words, strings.Fields(item.Text)...)
		case item.Type == "thinking" && role == "assistant", item.Type == "document" && role == "tool":
		case item.Type == "image_url" && role == "user" && item.ImageURL != nil && (strings.HasPrefix(item.ImageURL.URL, "data:image/") || strings.HasPrefix(item.ImageURL.URL, "https://")):
			kind, _, _ := strings.Cut(item.ImageURL.URL, ";")
			words = append(words, "["+kind+"]")
		default:
			return nil, fmt.Errorf("a %s has no content of type '%s'", role, item.Type)
		}
	}
	return words, nil
}
