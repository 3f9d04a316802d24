package main

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/genai"

	"github.com/enginebay/enginebay/sdk/openai"
)

// googleChat is a request for a chat, with what this API has a place for and the
// others have not, and with schemas as they are written: their properties have an
// order that answers keep.
type googleChat struct {
	chat
	more googleMore
}

type googleMore struct {
	Messages []struct {
		Content   googleParts `json:"content"`
		ToolCalls []struct {
			ExtraContent struct {
				Google struct {
					ThoughtSignature string `json:"thought_signature"`
				} `json:"google"`
			} `json:"extra_content"`
		} `json:"tool_calls"`
	} `json:"messages"`
	N           int32  `json:"n"`
	Logprobs    bool   `json:"logprobs"`
	TopLogprobs *int32 `json:"top_logprobs"`
	Tools       []struct {
		Function struct {
			Parameters json.RawMessage `json:"parameters"`
		} `json:"function"`
	} `json:"tools"`
	ToolChoice     googleAllowed `json:"tool_choice"`
	ResponseFormat struct {
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	LogitBias map[string]any `json:"logit_bias"`
	ExtraBody struct {
		Google googleExtra `json:"google"`
	} `json:"extra_body"`
}

// googleExtra is what Google's own server for OpenAI's API takes beside it.
type googleExtra struct {
	CachedContent  string `json:"cached_content"`
	ThinkingConfig *struct {
		IncludeThoughts bool   `json:"include_thoughts"`
		ThinkingBudget  *int32 `json:"thinking_budget"`
		ThinkingLevel   string `json:"thinking_level"`
	} `json:"thinking_config"`
	SafetySettings []*genai.SafetySetting `json:"safety_settings"`
}

// googleAllowed are the functions of a tool_choice of the type allowed_tools.
type googleAllowed struct {
	mode  string
	names []string
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *googleAllowed) UnmarshalJSON(data []byte) error {
	var choice struct {
		AllowedTools struct {
			Mode  string `json:"mode"`
			Tools []tool `json:"tools"`
		} `json:"allowed_tools"`
	}
	if json.Unmarshal(data, &choice) != nil { // a word: the chat has it
		return nil
	}
	a.mode = choice.AllowedTools.Mode
	for _, t := range choice.AllowedTools.Tools {
		a.names = append(a.names, t.Function.Name)
	}
	return nil
}

func (u *upstream) readGoogle(r *http.Request) (*googleChat, error) {
	b, err := readBody(r)
	if err != nil {
		return nil, err
	}
	text := u.fit(b).bytes()
	var c googleChat
	if err := json.Unmarshal(text, &c.chat); err != nil {
		return nil, misread(err)
	}
	if err := json.Unmarshal(text, &c.more); err != nil {
		return nil, misread(err)
	}
	if len(c.more.LogitBias) > 0 {
		return nil, openai.Errorf("logit_bias", "unsupported_parameter", "%s has no logit_bias; leave it out", u.row.name)
	}
	c.N, c.Logprobs = nil, false // which it has
	if len(c.more.ToolChoice.names) > 0 {
		c.ToolChoice = nil
	}
	return &c, c.check(u.row.name)
}

// request is the chat as this API has it.
func (c *googleChat) request(model string) ([]*genai.Content, *genai.GenerateContentConfig, error) {
	system, contents, err := c.contents(model)
	if err != nil {
		return nil, nil, err
	}
	extra := c.more.ExtraBody.Google
	config := &genai.GenerateContentConfig{SystemInstruction: system, SafetySettings: extra.SafetySettings, CachedContent: extra.CachedContent}
	c.sampling(config)
	config.ThinkingConfig = c.thinking(model)
	if err := c.format(config); err != nil {
		return nil, nil, err
	}
	c.tools(config)
	config.HTTPOptions = &genai.HTTPOptions{ExtrasRequestProvider: c.schemas}
	return contents, config, nil
}

func (c *googleChat) sampling(config *genai.GenerateContentConfig) {
	config.Temperature, config.TopP = float(c.Temperature), float(c.TopP)
	config.PresencePenalty, config.FrequencyPenalty = penalty(c.PresencePenalty), penalty(c.FrequencyPenalty)
	if c.TopK != nil && *c.TopK > 0 {
		config.TopK = genai.Ptr(float32(*c.TopK))
	}
	if limit := c.limit(); limit != nil && *limit > 0 {
		config.MaxOutputTokens = int32(min(*limit, math.MaxInt32))
	}
	if c.Seed != nil {
		config.Seed = genai.Ptr(int32(*c.Seed & math.MaxInt32)) // it has half the bits there
	}
	if c.more.N > 1 {
		config.CandidateCount = c.more.N
	}
	for _, stop := range c.Stop {
		if stop != "" {
			config.StopSequences = append(config.StopSequences, stop)
		}
	}
	if c.more.Logprobs {
		config.ResponseLogprobs = true
		if c.more.TopLogprobs != nil && *c.more.TopLogprobs > 0 {
			config.Logprobs = c.more.TopLogprobs
		}
	}
}

func float(v *float64) *float32 {
	if v == nil {
		return nil
	}
	return genai.Ptr(float32(*v))
}

// penalty is below 2 there, and up to 2 at OpenAI.
func penalty(v *float64) *float32 {
	if v == nil || *v == 0 {
		return nil
	}
	return genai.Ptr(float32(min(*v, 1.99)))
}

// levels are the efforts in the words of models of the third generation on, and
// efforts are the tokens that others may think, as Google's own server for OpenAI's
// API has them.
var (
	leveled = regexp.MustCompile(`(^|/)gemini-([3-9]|\d\d)`)
	levels  = map[string]genai.ThinkingLevel{"none": genai.ThinkingLevelMinimal, "minimal": genai.ThinkingLevelMinimal, "low": genai.ThinkingLevelLow,
		"medium": genai.ThinkingLevelMedium, "high": genai.ThinkingLevelHigh, "xhigh": genai.ThinkingLevelHigh}
	efforts = map[string]int32{"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
)

func (c *googleChat) thinking(model string) *genai.ThinkingConfig {
	if said := c.more.ExtraBody.Google.ThinkingConfig; said != nil {
		return &genai.ThinkingConfig{IncludeThoughts: said.IncludeThoughts, ThinkingBudget: said.ThinkingBudget, ThinkingLevel: genai.ThinkingLevel(strings.ToUpper(said.ThinkingLevel))}
	}
	budget, known := efforts[c.ReasoningEffort]
	switch {
	case !known:
		return nil
	case !leveled.MatchString(model):
		return &genai.ThinkingConfig{ThinkingBudget: &budget}
	case strings.Contains(model, "-pro") && levels[c.ReasoningEffort] == genai.ThinkingLevelMinimal:
		return &genai.ThinkingConfig{ThinkingLevel: genai.ThinkingLevelLow} // those think at least a little
	}
	return &genai.ThinkingConfig{ThinkingLevel: levels[c.ReasoningEffort]}
}

func (c *googleChat) format(config *genai.GenerateContentConfig) error {
	switch kind, schema := c.chat.format(); {
	case kind == "json_object", kind == "json_schema" && schema == nil:
		config.ResponseMIMEType = "application/json"
	case kind == "json_schema":
		config.ResponseMIMEType, config.ResponseJsonSchema = "application/json", schema
	case kind != "":
		return openai.Errorf("response_format", "unsupported_value", "response_format can be text, json_object or json_schema here")
	}
	return nil
}

func (c *googleChat) tools(config *genai.GenerateContentConfig) {
	if len(c.Tools) == 0 {
		return
	}
	all := &genai.Tool{}
	for _, t := range c.Tools {
		f := &genai.FunctionDeclaration{Name: t.Function.Name, Description: t.Function.Description}
		if len(t.Function.Parameters) > 0 {
			f.ParametersJsonSchema = t.Function.Parameters
		}
		all.FunctionDeclarations = append(all.FunctionDeclarations, f)
	}
	config.Tools = []*genai.Tool{all}
	calling := &genai.FunctionCallingConfig{}
	switch choice := c.choice(); {
	case len(c.more.ToolChoice.names) > 0 && c.more.ToolChoice.mode == "required":
		calling.Mode, calling.AllowedFunctionNames = genai.FunctionCallingConfigModeAny, c.more.ToolChoice.names
	case len(c.more.ToolChoice.names) > 0:
		calling.Mode, calling.AllowedFunctionNames = genai.FunctionCallingConfigModeValidated, c.more.ToolChoice.names
	case choice.mode == "none":
		calling.Mode = genai.FunctionCallingConfigModeNone
	case choice.mode == "required":
		calling.Mode = genai.FunctionCallingConfigModeAny
	case choice.mode == "function":
		calling.Mode, calling.AllowedFunctionNames = genai.FunctionCallingConfigModeAny, []string{choice.name}
	default:
		return
	}
	config.ToolConfig = &genai.ToolConfig{FunctionCallingConfig: calling}
}

// schemas puts the schemas as they are written into the request: the client has
// sorted their properties by name.
func (c *googleChat) schemas(body map[string]any) map[string]any {
	config, _ := body["generationConfig"].(map[string]any)
	if config["responseJsonSchema"] != nil {
		config["responseJsonSchema"] = c.more.ResponseFormat.JSONSchema.Schema
	}
	if len(config) == 0 {
		delete(body, "generationConfig")
	}
	for _, declared := range objects(body["tools"]) {
		for i, f := range objects(declared["functionDeclarations"]) {
			if f["parametersJsonSchema"] != nil && i < len(c.more.Tools) {
				f["parametersJsonSchema"] = c.more.Tools[i].Function.Parameters
			}
		}
	}
	return body
}

// objects are those of a list, which the client has as one or the other.
func objects(v any) []map[string]any {
	if list, ok := v.([]map[string]any); ok {
		return list
	}
	var all []map[string]any
	list, _ := v.([]any)
	for _, one := range list {
		object, _ := one.(map[string]any)
		all = append(all, object)
	}
	return all
}
