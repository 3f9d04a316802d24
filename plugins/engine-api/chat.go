package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/enginebay/enginebay/sdk/openai"
)

// chat is a request for a chat in OpenAI's form, as far as the dialects that
// translate read it. Its limits the core has checked; what is no chat at all is
// refused here all the same.
type chat struct {
	Messages            []message       `json:"messages"`
	Stream              bool            `json:"stream"`
	StreamOptions       streamOptions   `json:"stream_options"`
	MaxTokens           *int64          `json:"max_tokens"`
	MaxCompletionTokens *int64          `json:"max_completion_tokens"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	TopK                *int64          `json:"top_k"`
	FrequencyPenalty    *float64        `json:"frequency_penalty"`
	PresencePenalty     *float64        `json:"presence_penalty"`
	Seed                *int64          `json:"seed"`
	N                   *int64          `json:"n"`
	Stop                oneOrMany       `json:"stop"`
	Tools               []tool          `json:"tools"`
	ToolChoice          *toolChoice     `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	ResponseFormat      *responseFormat `json:"response_format"`
	ReasoningEffort     string          `json:"reasoning_effort"`
	User                string          `json:"user"`
	SafetyIdentifier    string          `json:"safety_identifier"`
	Logprobs            bool            `json:"logprobs"`
	Modalities          []string        `json:"modalities"`
	Functions           []any           `json:"functions"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// message is one of the conversation.
type message struct {
	Role       string     `json:"role"`
	Content    parts      `json:"content"`
	Refusal    string     `json:"refusal"`
	ToolCalls  []toolCall `json:"tool_calls"`
	ToolCallID string     `json:"tool_call_id"`
}

// parts are a content: a text is one part.
type parts []part

type part struct {
	Type     string   `json:"type"`
	Text     string   `json:"text"`
	Refusal  string   `json:"refusal"`
	ImageURL imageURL `json:"image_url"`
}

type imageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail"`
}

type toolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function functionCall `json:"function"`
}

type functionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Parameters  map[string]any `json:"parameters"`
	Strict      bool           `json:"strict"`
}

// toolChoice is "none", "auto", "required", or "function" with a name.
type toolChoice struct{ mode, name string }

type responseFormat struct {
	Type       string `json:"type"`
	JSONSchema struct {
		Name   string         `json:"name"`
		Schema map[string]any `json:"schema"`
	} `json:"json_schema"`
}

// oneOrMany is a text or a list of texts.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMany) UnmarshalJSON(data []byte) error {
	var one *string
	if json.Unmarshal(data, &one) == nil {
		if one != nil {
			*o = oneOrMany{*one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *parts) UnmarshalJSON(data []byte) error {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		if text != nil {
			*p = parts{{Type: "text", Text: *text}}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]part)(p))
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *toolChoice) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &c.mode) == nil {
		return nil
	}
	var object struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	err := json.Unmarshal(data, &object)
	c.mode, c.name = object.Type, object.Function.Name
	return err
}

// readChat reads a request, and refuses what no dialect but OpenAI's own can say.
func (u *upstream) readChat(r *http.Request) (*chat, error) {
	var c chat
	if err := u.readInto(r, &c); err != nil {
		return nil, err
	}
	return &c, c.check(u.row.name)
}

// readInto reads a request as the settings want it.
func (u *upstream) readInto(r *http.Request, into any) error {
	b, err := readBody(r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(u.fit(b).bytes(), into); err != nil {
		return misread(err)
	}
	return nil
}

// tell writes a whole answer.
func tell(w http.ResponseWriter, answer any) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(encode(answer))
	return err
}

// misread says which field of a request is of the wrong type.
func misread(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return openai.Errorf(kind.Field, "invalid_type", "Invalid type for '%s': it cannot be a %s", kind.Field, kind.Value)
	}
	return openai.Errorf("", "invalid_json", "The body is no JSON object of a request")
}

func (c *chat) check(provider string) error {
	cannot := func(param, what string) error {
		return openai.Errorf(param, "unsupported_parameter", "%s has no %s; leave out %s", provider, what, param)
	}
	switch {
	case len(c.Messages) == 0:
		return openai.Errorf("messages", "missing_required_parameter", "Missing required parameter: 'messages'")
	case c.N != nil && *c.N > 1:
		return openai.Errorf("n", "unsupported_parameter", "%s gives one answer to a request; ask %d times", provider, *c.N)
	case c.Logprobs:
		return cannot("logprobs", "likelihoods of tokens in OpenAI's form")
	case len(c.Functions) > 0:
		return openai.Errorf("functions", "unsupported_parameter", "functions is of OpenAI's older API; use tools")
	}
	for _, kind := range c.Modalities {
		if kind != "text" {
			return cannot("modalities", "answers of the kind "+kind)
		}
	}
	for i, t := range c.Tools {
		if t.Type != "function" || t.Function.Name == "" {
			return openai.Errorf(fmt.Sprintf("tools[%d].type", i), "unsupported_value", "%s has tools of the type function only", provider)
		}
	}
	return c.checkChoice()
}

func (c *chat) checkChoice() error {
	if c.ToolChoice == nil {
		return nil
	}
	switch c.ToolChoice.mode {
	case "", "none", "auto", "required":
	case "function":
		if _, ok := c.tool(c.ToolChoice.name); !ok {
			return openai.Errorf("tool_choice", "invalid_value", "tool_choice names the tool '%.64s', which is not among tools", c.ToolChoice.name)
		}
	default:
		return openai.Errorf("tool_choice", "unsupported_value", "tool_choice can be none, auto, required, or name a function here")
	}
	if c.ToolChoice.mode == "required" && len(c.Tools) == 0 {
		return openai.Errorf("tool_choice", "invalid_value", "tool_choice wants a tool to be called, and there are no tools")
	}
	return nil
}

// tool is the one of that name.
func (c *chat) tool(name string) (tool, bool) {
	for _, t := range c.Tools {
		if t.Function.Name == name {
			return t, true
		}
	}
	return tool{}, false
}

// choice is what is said of tools; "auto" where nothing is.
func (c *chat) choice() toolChoice {
	if c.ToolChoice == nil || c.ToolChoice.mode == "" {
		return toolChoice{mode: "auto"}
	}
	return *c.ToolChoice
}

// limit is how many tokens an answer may have; nil where it is not said.
func (c *chat) limit() *int64 {
	if c.MaxCompletionTokens != nil {
		return c.MaxCompletionTokens
	}
	return c.MaxTokens
}

// format is what the answer shall look like: "json_object", "json_schema" with the
// schema, or empty.
func (c *chat) format() (kind string, schema map[string]any) {
	if c.ResponseFormat == nil || c.ResponseFormat.Type == "text" {
		return "", nil
	}
	return c.ResponseFormat.Type, c.ResponseFormat.JSONSchema.Schema
}

// parameters is the schema of a tool's arguments: without one it has none.
func (f function) parameters() map[string]any {
	if len(f.Parameters) == 0 {
		return map[string]any{"type": "object", "properties": map[string]any{}}
	}
	return f.Parameters
}

// arguments are those of a call, as an object.
func (f functionCall) arguments(at string) (map[string]any, error) {
	object := map[string]any{}
	if strings.TrimSpace(f.Arguments) == "" {
		return object, nil
	}
	if err := json.Unmarshal([]byte(f.Arguments), &object); err != nil || object == nil {
		return nil, openai.Errorf(at, "invalid_value", "%s must be a JSON object, written as a text", at)
	}
	return object, nil
}

// text is what the parts say; an image among them is an error.
func (p parts) text(at string) (string, error) {
	var all []string
	for i, part := range p {
		switch part.Type {
		case "text":
			all = append(all, part.Text)
		case "refusal":
			all = append(all, part.Refusal)
		default:
			return "", openai.Errorf(fmt.Sprintf("%s[%d].type", at, i), "unsupported_value", "%s[%d] is of the type '%.32s'; there can be text only", at, i, part.Type)
		}
	}
	return strings.Join(all, "\n"), nil
}

// image takes a data: address apart; ok says whether it is one.
func (i imageURL) image() (mediaType, data string, ok bool) {
	rest, isData := strings.CutPrefix(i.URL, "data:")
	head, data, found := strings.Cut(rest, ";base64,")
	mediaType, _, _ = strings.Cut(strings.ToLower(head), ";")
	if mediaType == "image/jpg" { // as many write it
		mediaType = "image/jpeg"
	}
	return mediaType, data, isData && found
}
