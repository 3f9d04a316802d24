package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// anthropicAsk is a request for a message, or to count its tokens.
type anthropicAsk struct {
	Model         string            `json:"model"`
	MaxTokens     *int              `json:"max_tokens"`
	Messages      []json.RawMessage `json:"messages"`
	System        json.RawMessage   `json:"system"`
	Stream        bool              `json:"stream"`
	StopSequences []string          `json:"stop_sequences"`
	Temperature   *float64          `json:"temperature"`
	TopP          *float64          `json:"top_p"`
	TopK          *int              `json:"top_k"`
	Tools         []anthropicTool   `json:"tools"`
	ToolChoice    *struct {
		Type                   string `json:"type"`
		Name                   string `json:"name"`
		DisableParallelToolUse bool   `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Thinking *struct {
		Type         string `json:"type"`
		BudgetTokens int    `json:"budget_tokens"`
		Display      string `json:"display"`
	} `json:"thinking"`
	Metadata *struct {
		UserID string `json:"user_id"`
	} `json:"metadata"`
	OutputConfig *struct {
		Effort string `json:"effort"`
		Format *struct {
			Type   string         `json:"type"`
			Schema map[string]any `json:"schema"`
		} `json:"format"`
	} `json:"output_config"`
	ServiceTier  string         `json:"service_tier"`
	CacheControl map[string]any `json:"cache_control"`

	counting bool     // no max_tokens
	words    []string // of all messages and the system
	last     []string // of the last message
	results  bool     // whether that one brings results of tools
}

type anthropicTool struct {
	Name         string         `json:"name"`
	Description  string         `json:"description"`
	InputSchema  map[string]any `json:"input_schema"`
	Strict       bool           `json:"strict"`
	CacheControl map[string]any `json:"cache_control"`
	Type         string         `json:"type"`
}

// read reads and judges a body.
func (a *anthropicAsk) read(body []byte) error {
	if err := strict("", body, a); err != nil {
		return err
	}
	if len(a.System) > 0 {
		system, err := texts("system", a.System)
		if err != nil {
			return err
		}
		a.words = append(a.words, strings.Fields(strings.Join(system, " "))...)
	}
	for _, judge := range []func() error{a.judgeNumbers, a.judgeTools, a.judgeModel, a.readMessages} {
		if err := judge(); err != nil {
			return err
		}
	}
	return nil
}

func (a *anthropicAsk) judgeNumbers() error {
	switch {
	case a.Model == "":
		return refuse("model: Field required")
	case a.counting && (a.MaxTokens != nil || a.Stream):
		return refuse("max_tokens: Extra inputs are not permitted")
	case !a.counting && a.MaxTokens == nil:
		return refuse("max_tokens: Field required")
	case !a.counting && *a.MaxTokens < 1:
		return refuse("max_tokens: Input should be greater than or equal to 1")
	case !a.counting && *a.MaxTokens > 128000:
		return refuse("max_tokens: %d > 128000, which is the maximum allowed number of output tokens for %s", *a.MaxTokens, a.Model)
	case a.Temperature != nil && (*a.Temperature < 0 || *a.Temperature > 1):
		return refuse("temperature: range: 0..1")
	case a.TopP != nil && (*a.TopP < 0 || *a.TopP > 1):
		return refuse("top_p: range: 0..1")
	case slices.ContainsFunc(a.StopSequences, func(s string) bool { return strings.TrimSpace(s) == "" }):
		return refuse("stop_sequences: each stop sequence must contain non-whitespace")
	case a.Metadata != nil && len(a.Metadata.UserID) > 256:
		return refuse("metadata.user_id: String should have at most 256 characters")
	}
	return nil
}

func (a *anthropicAsk) judgeTools() error {
	for i, tool := range a.Tools {
		switch {
		case tool.Name == "" || len(tool.Name) > 128 || strings.Trim(tool.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "":
			return refuse("tools.%d.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", i)
		case tool.InputSchema["type"] != "object":
			return refuse("tools.%d.custom.input_schema.type: Input should be 'object'", i)
		}
	}
	if a.ToolChoice == nil {
		return nil
	}
	named := slices.ContainsFunc(a.Tools, func(t anthropicTool) bool { return t.Name == a.ToolChoice.Name })
	switch {
	case !slices.Contains([]string{"auto", "any", "tool", "none"}, a.ToolChoice.Type):
		return refuse("tool_choice: Input tag '%s' found using 'type' does not match any of the expected tags: 'any', 'auto', 'none', 'tool'", a.ToolChoice.Type)
	case len(a.Tools) == 0:
		return refuse("tool_choice may only be specified while providing tools.")
	case a.ToolChoice.Type == "tool" && !named:
		return refuse("Tool '%s' not found in provided tools", a.ToolChoice.Name)
	case a.ToolChoice.Type != "tool" && a.ToolChoice.Name != "":
		return refuse("tool_choice.%s.name: Extra inputs are not permitted", a.ToolChoice.Type)
	case a.ToolChoice.Type == "none" && a.ToolChoice.DisableParallelToolUse:
		return refuse("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")
	}
	return nil
}

// coolModels take no temperature and no budget for thinking, as the documents list
// them; unforced cannot be made to call a tool, and alwaysThink are those of them
// that cannot be kept from thinking. bothModels are the older ones
// that take temperature and top_p together.
var (
	bothModels  = []string{"claude-3", "claude-sonnet-4-2025", "claude-opus-4-2025"}
	coolModels  = []string{"claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-opus-5-5", "claude-sonnet-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5", "claude-fable-5-1"}
	unforced    = []string{"claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1"}
	alwaysThink = []string{"claude-opus-5-5", "claude-fable-5-1"}
)

func (a *anthropicAsk) judgeModel() error {
	cool, thinks := slices.Contains(coolModels, a.Model), a.Thinking != nil && (a.Thinking.Type == "enabled" || a.Thinking.Type == "adaptive")
	old := strings.Contains(a.Model, "-4-5") || strings.Contains(a.Model, "claude-3")
	forced := a.ToolChoice != nil && (a.ToolChoice.Type == "any" || a.ToolChoice.Type == "tool")
	switch {
	case cool && a.Temperature != nil && *a.Temperature != 1:
		return refuse("`temperature` is deprecated for this model.")
	case cool && (a.TopP != nil || a.TopK != nil):
		return refuse("`top_p` and `top_k` are deprecated for this model.")
	case a.Temperature != nil && a.TopP != nil && !slices.ContainsFunc(bothModels, func(name string) bool { return strings.HasPrefix(a.Model, name) }):
		return refuse("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
	case forced && slices.Contains(unforced, a.Model):
		return refuse("tool_choice: forced tool use is not supported for this model. Use 'auto'.")
	case old && a.OutputConfig != nil && a.OutputConfig.Effort != "" && !strings.Contains(a.Model, "opus-4-5"):
		return refuse("This model does not support the effort parameter.")
	case a.OutputConfig != nil && a.OutputConfig.Format != nil && (a.OutputConfig.Format.Type != "json_schema" || a.OutputConfig.Format.Schema == nil):
		return refuse("output_config.format: Input should be {type: 'json_schema', schema: {...}}")
	case thinks && forced:
		return refuse("Thinking may not be enabled when tool_choice forces tool use.")
	case thinks && a.Temperature != nil && *a.Temperature != 1:
		return refuse("`temperature` may only be set to 1 when thinking is enabled.")
	case a.Thinking != nil:
		return a.judgeThinking(cool, old)
	}
	return nil
}

func (a *anthropicAsk) judgeThinking(cool, old bool) error {
	switch a.Thinking.Type {
	case "enabled":
		switch {
		case cool:
			return refuse(`"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`)
		case a.Thinking.BudgetTokens < 1024:
			return refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
		case a.MaxTokens != nil && a.Thinking.BudgetTokens >= *a.MaxTokens:
			return refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
		}
	case "adaptive":
		if old {
			return refuse("adaptive thinking is not supported on this model")
		}
	case "disabled":
		if slices.Contains(alwaysThink, a.Model) || a.Model == "claude-sonnet-5-5" {
			return refuse(`"thinking.type.disabled" is not supported for this model.`)
		}
	case "between_tools":
		if a.Model != "claude-sonnet-5-5" {
			return refuse(`"thinking.type.between_tools" is not supported for this model.`)
		}
	default:
		return refuse("thinking: Input tag '%s' found using 'type' does not match any of the expected tags", a.Thinking.Type)
	}
	return nil
}

// readImage says what an image is, if the service would take it.
func readImage(place string, kind, mediaType, data, url string) (string, error) {
	switch {
	case kind == "url" && strings.HasPrefix(url, "https://"):
		return "[" + url + "]", nil
	case kind == "url":
		return "", refuse("%s.source.url.url: Only HTTPS URLs are supported.", place)
	case kind != "base64":
		return "", refuse("%s.source: Input tag '%s' found using 'type' does not match any of the expected tags: 'base64', 'file', 'url'", place, kind)
	case !slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, mediaType):
		return "", refuse("%s.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'", place)
	}
	image, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(image) == 0 {
		return "", refuse("%s.source.base64.data: Input should be a valid base64 string", place)
	}
	return fmt.Sprintf("[%s of %d bytes]", mediaType, len(image)), nil
}
