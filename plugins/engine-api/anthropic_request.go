package main

import (
	"cmp"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/packages/param"

	"github.com/enginebay/enginebay/sdk/openai"
)

// claudeParams is a chat as Anthropic's API wants it.
func claudeParams(u *upstream, c *chat) (anthropic.MessageNewParams, error) {
	t := traitsOf(u.name)
	p := anthropic.MessageNewParams{Model: u.name, MaxTokens: t.limit}
	if limit := c.limit(); limit != nil {
		p.MaxTokens = *limit
	}
	for _, stop := range c.Stop {
		if strings.TrimSpace(stop) != "" { // others are refused there
			p.StopSequences = append(p.StopSequences, stop)
		}
	}
	if user := cmp.Or(c.SafetyIdentifier, c.User); user != "" && len(user) <= 256 {
		p.Metadata.UserID = anthropic.String(user)
	}
	if err := claudeTurns(&p, c); err != nil {
		return p, err
	}
	claudeTools(&p, c, t)
	claudeThinking(&p, c, t)
	claudeSampling(&p, c, t)
	return p, claudeFormat(&p, c)
}

// claudeTools offers the tools, and says which of them shall be called.
func claudeTools(p *anthropic.MessageNewParams, c *chat, t traits) {
	for _, tool := range c.Tools {
		schema := objectSchema(tool.Function.parameters())
		f := anthropic.ToolParam{Name: tool.Function.Name}
		if tool.Function.Description != "" {
			f.Description = anthropic.String(tool.Function.Description)
		}
		if tool.Function.Strict && t.strict {
			f.Strict, schema = anthropic.Bool(true), enforceable(schema)
		}
		f.InputSchema = param.Override[anthropic.ToolInputSchemaParam](schema)
		p.Tools = append(p.Tools, anthropic.ToolUnionParam{OfTool: &f})
	}
	if len(c.Tools) == 0 {
		return
	}
	single := param.Opt[bool]{}
	if c.ParallelToolCalls != nil && !*c.ParallelToolCalls {
		single = anthropic.Bool(true)
	}
	switch choice := c.choice(); choice.mode {
	case "none":
		p.ToolChoice.OfNone = &anthropic.ToolChoiceNoneParam{}
	case "required":
		p.ToolChoice.OfAny = &anthropic.ToolChoiceAnyParam{DisableParallelToolUse: single}
	case "function":
		p.ToolChoice.OfTool = &anthropic.ToolChoiceToolParam{Name: choice.name, DisableParallelToolUse: single}
	default:
		if c.ToolChoice != nil || single.Valid() {
			p.ToolChoice.OfAuto = &anthropic.ToolChoiceAutoParam{DisableParallelToolUse: single}
		}
	}
}

// objectSchema says that a schema is of an object, where it leaves that out.
func objectSchema(schema map[string]any) map[string]any {
	if schema["type"] != nil {
		return schema
	}
	with := map[string]any{"type": "object"}
	for name, value := range schema {
		with[name] = value
	}
	return with
}

// enforceable is a schema as the API can enforce it: closed objects, and what it has
// no means for, such as minimum, as a hint in the description. A schema that the
// client library cannot read, for its nullable types, goes as it is.
func enforceable(schema map[string]any) map[string]any {
	if schema["$ref"] == nil { // beside which the library forgets the definitions
		if fit, _ := anthropic.BetaJSONSchemaOutputFormat(schema).Schema.(map[string]any); fit != nil {
			return fit
		}
	}
	return schema
}

// budgets are the tokens that thinking may take at older models, by the effort.
var budgets = map[string]int64{"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768}

// claudeThinking says how hard the model shall think. A model that thinks cannot be
// made to call a tool, so that a forced call goes before.
func claudeThinking(p *anthropic.MessageNewParams, c *chat, t traits) {
	effort := c.ReasoningEffort
	forced := p.ToolChoice.OfAny != nil || p.ToolChoice.OfTool != nil
	if forced || effort == "none" {
		switch t.off {
		case "disabled":
			p.Thinking.OfDisabled = &anthropic.ThinkingConfigDisabledParam{}
		case "between_tools":
			if !forced { // which such a model refuses in any case
				p.Thinking.OfBetweenTools = &anthropic.ThinkingConfigBetweenToolsParam{Type: "between_tools"}
			}
		}
	} else if effort != "" && t.adaptive {
		p.Thinking.OfAdaptive = &anthropic.ThinkingConfigAdaptiveParam{}
	} else if budget := claudeBudget(p, c, effort); t.budget && budget > 0 {
		p.Thinking.OfEnabled = &anthropic.ThinkingConfigEnabledParam{BudgetTokens: budget}
	}
	if t.effort && effort != "" {
		p.OutputConfig.Effort = claudeEffort(effort, t, forced)
	}
}

func claudeEffort(effort string, t traits, forced bool) anthropic.OutputConfigEffort {
	switch {
	case effort == "none" && t.off != "":
		return ""
	case effort == "none", effort == "minimal":
		return anthropic.OutputConfigEffortLow
	case effort == "xhigh" && (!t.xhigh || forced):
		return anthropic.OutputConfigEffortHigh
	}
	return anthropic.OutputConfigEffort(effort)
}

// claudeBudget keeps the rules of the API: a budget is 1,024 tokens or more, and
// less than the answer's limit. In the middle of calls of tools older models want
// their signed thoughts back, which OpenAI's form has no place for: there is none.
func claudeBudget(p *anthropic.MessageNewParams, c *chat, effort string) int64 {
	if len(c.Messages) > 0 && c.Messages[len(c.Messages)-1].Role == "tool" {
		return 0
	}
	budget := budgets[effort]
	if c.limit() == nil {
		p.MaxTokens = max(p.MaxTokens, 2*budget)
	}
	if budget = min(budget, p.MaxTokens-1); budget < 1024 {
		return 0
	}
	return budget
}

// claudeSampling passes on what the model takes. Thoughts are sampled as the API
// likes.
func claudeSampling(p *anthropic.MessageNewParams, c *chat, t traits) {
	if !t.sampling || p.Thinking.OfAdaptive != nil || p.Thinking.OfEnabled != nil {
		return
	}
	if c.Temperature != nil {
		p.Temperature = anthropic.Float(min(*c.Temperature, 1))
	}
	if c.TopP != nil && (c.Temperature == nil || t.together) {
		p.TopP = anthropic.Float(*c.TopP)
	}
	if c.TopK != nil && *c.TopK > 0 {
		p.TopK = anthropic.Int(*c.TopK)
	}
}

// claudeFormat asks for JSON: by a schema, which the API enforces, or by words,
// where there is none.
func claudeFormat(p *anthropic.MessageNewParams, c *chat) error {
	switch kind, schema := c.format(); {
	case kind == "":
	case kind == "json_schema" && schema != nil:
		p.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: enforceable(schema)}
	case kind == "json_object":
		p.System = append(p.System, anthropic.TextBlockParam{Text: "Answer with one JSON object and nothing else: no words around it, and no code fence."})
	default:
		return openai.Errorf("response_format", "unsupported_value", "response_format can be text, json_object, or json_schema with a schema here")
	}
	return nil
}
