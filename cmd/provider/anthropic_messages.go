package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// anthropicTurn is one message with its blocks.
type anthropicTurn struct {
	words   []string
	calls   map[string]bool // ids of tool_use
	results map[string]bool // ids of tool_result
}

// readMessages holds the conversation against the service's rules: of roles, of
// empty texts, and that each call of a tool is answered in the next message.
func (a *anthropicAsk) readMessages() error {
	if len(a.Messages) == 0 {
		return refuse("messages: at least one message is required")
	}
	var before anthropicTurn
	role := ""
	for i, raw := range a.Messages {
		place := fmt.Sprintf("messages.%d", i)
		var message struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		}
		if err := strict(place, raw, &message); err != nil {
			return err
		}
		if message.Role != "user" && message.Role != "assistant" {
			return refuse("%s.role: Input should be 'user' or 'assistant'", place)
		}
		if i == 0 && message.Role != "user" {
			return refuse("messages: first message must use the \"user\" role")
		}
		turn, err := readTurn(place+".content", message.Role, message.Content)
		if err != nil {
			return err
		}
		if err := turn.follows(place, i, before); err != nil {
			return err
		}
		a.words = append(a.words, turn.words...)
		a.last, a.results, before, role = turn.words, len(turn.results) > 0, turn, message.Role
	}
	if len(before.calls) > 0 {
		return (anthropicTurn{}).follows("", len(a.Messages), before)
	}
	if role == "assistant" && slices.Contains(coolModels, a.Model) {
		return refuse("This model does not support assistant message prefill. The conversation must end with a user message.")
	}
	return nil
}

// follows checks the results of tools against the calls of the message before.
func (t anthropicTurn) follows(place string, i int, before anthropicTurn) error {
	for _, id := range slices.Sorted(maps.Keys(before.calls)) {
		if !t.results[id] {
			return refuse("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s. Each `tool_use` block must have a corresponding `tool_result` block in the next message.", i-1, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.results)) {
		if !before.calls[id] {
			return refuse("%s.content.0: unexpected `tool_use_id` found in `tool_result` blocks: %s. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", place, id)
		}
	}
	return nil
}

func readTurn(place, role string, content json.RawMessage) (anthropicTurn, error) {
	turn := anthropicTurn{calls: map[string]bool{}, results: map[string]bool{}}
	var text string
	if json.Unmarshal(content, &text) == nil {
		if strings.TrimSpace(text) == "" {
			return turn, refuse("%s: user messages must have non-empty content", place)
		}
		turn.words = strings.Fields(text)
		return turn, nil
	}
	var blocks []json.RawMessage
	if err := strict(place, content, &blocks); err != nil {
		return turn, err
	}
	if len(blocks) == 0 {
		return turn, refuse("%s: all messages must have non-empty content", place)
	}
	for i, raw := range blocks {
		if err := turn.readBlock(fmt.Sprintf("%s.%d", place, i), role, raw); err != nil {
			return turn, err
		}
	}
	return turn, nil
}

func (t *anthropicTurn) readBlock(place, role string, raw json.RawMessage) error {
	var kind struct{ Type string }
	if err := json.Unmarshal(raw, &kind); err != nil {
		return refuse("%s: Input should be an object", place)
	}
	place += "." + kind.Type
	switch {
	case kind.Type == "text":
		said, err := texts(place, append(append([]byte("["), raw...), ']'))
		t.words = append(t.words, strings.Fields(strings.Join(said, " "))...)
		return err
	case kind.Type == "image" && role == "user":
		return t.readImageBlock(place, raw)
	case kind.Type == "tool_use" && role == "assistant":
		return t.readCall(place, raw)
	case kind.Type == "tool_result" && role == "user":
		return t.readResult(place, raw)
	case (kind.Type == "thinking" || kind.Type == "redacted_thinking") && role == "assistant":
		return nil
	}
	return refuse("%s: `%s` blocks are not permitted in `%s` messages", place, kind.Type, role)
}

func (t *anthropicTurn) readImageBlock(place string, raw json.RawMessage) error {
	var image struct {
		Type   string `json:"type"`
		Source struct {
			Type      string `json:"type"`
			MediaType string `json:"media_type"`
			Data      string `json:"data"`
			URL       string `json:"url"`
		} `json:"source"`
		CacheControl map[string]any `json:"cache_control"`
	}
	if err := strict(place, raw, &image); err != nil {
		return err
	}
	word, err := readImage(place, image.Source.Type, image.Source.MediaType, image.Source.Data, image.Source.URL)
	t.words = append(t.words, word)
	return err
}

func (t *anthropicTurn) readCall(place string, raw json.RawMessage) error {
	var call struct {
		Type         string         `json:"type"`
		ID           string         `json:"id"`
		Name         string         `json:"name"`
		Input        map[string]any `json:"input"`
		CacheControl map[string]any `json:"cache_control"`
	}
	if err := strict(place, raw, &call); err != nil {
		return err
	}
	if strings.Trim(call.ID, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || call.ID == "" {
		return refuse("%s.id: String should match pattern '^[a-zA-Z0-9_-]+$'", place)
	}
	if call.Input == nil || call.Name == "" {
		return refuse("%s.input: Field required", place)
	}
	if t.calls[call.ID] {
		return refuse("%s: `tool_use` ids must be unique", place)
	}
	t.calls[call.ID] = true
	return nil
}

func (t *anthropicTurn) readResult(place string, raw json.RawMessage) error {
	var result struct {
		Type         string          `json:"type"`
		ToolUseID    string          `json:"tool_use_id"`
		Content      json.RawMessage `json:"content"`
		IsError      bool            `json:"is_error"`
		CacheControl map[string]any  `json:"cache_control"`
	}
	if err := strict(place, raw, &result); err != nil {
		return err
	}
	t.results[result.ToolUseID] = true
	if len(result.Content) == 0 {
		return nil
	}
	said, err := readTurn(place+".content", "user", result.Content)
	t.words = append(t.words, said.words...)
	return err
}
