package api

import (
	"slices"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/sdk"
)

// Requests are checked before they are sent: engines read over much of what is
// wrong, or answer it with a status and a text of their own. Only what OpenAI's
// document says of its own fields is checked; a field that it does not know is the
// engine's matter. Where clients of local models are used to more than OpenAI has,
// they keep it: longer stop lists, and max_tokens of -1, which is no limit.

// form is what an operation's body looks like.
type form struct {
	required []string
	fields   map[string]check
}

// check returns what is wrong with the body, or nil.
func (f form) check(r request) error {
	for _, name := range f.required {
		if !slices.ContainsFunc(r.fields, func(given field) bool { return given.name == name && given.value != "null" }) {
			return missing(name)
		}
	}
	for _, given := range r.fields {
		check, known := f.fields[given.name]
		if !known || given.value == "null" {
			continue
		}
		if err := check(given.name, gjson.Parse(given.value)); err != nil {
			return err
		}
	}
	return nil
}

// forms are those of the operations that have one.
var forms = map[sdk.Operation]form{
	sdk.OpChat: {[]string{"messages"}, with(sampling, map[string]check{
		"messages":              list(1, message),
		"max_completion_tokens": integer(-1, anything),
		"max_tokens":            integer(-1, anything),
		"logprobs":              boolean,
		"top_logprobs":          integer(0, 20),
		"tools":                 list(0, tool),
		"tool_choice":           either(oneOf("none", "auto", "required"), typed(nil)),
		"parallel_tool_calls":   boolean,
		"response_format":       typed(map[string]check{"text": nil, "json_object": nil, "json_schema": member("json_schema", member("name", text))}),
		"reasoning_effort":      text,
		"verbosity":             text,
		"modalities":            list(0, text),
		"store":                 boolean,
		"functions":             list(1, member("name", text)),
		"function_call":         either(text, object),
		"prediction":            object,
	})},
	sdk.OpCompletion: {[]string{"prompt"}, with(sampling, map[string]check{
		"prompt":     prompts,
		"max_tokens": integer(-1, anything),
		"logprobs":   integer(0, 5),
		"best_of":    integer(0, 20),
		"echo":       boolean,
		"suffix":     text,
	})},
	sdk.OpEmbedding: {[]string{"input"}, map[string]check{
		"input":           prompts,
		"encoding_format": oneOf("float", "base64"),
		"dimensions":      integer(1, anything),
		"user":            text,
	}},
	sdk.OpResponses: {[]string{"input"}, map[string]check{
		"input":                either(text, list(1, object)),
		"instructions":         text,
		"max_output_tokens":    integer(1, anything),
		"max_tool_calls":       integer(0, anything),
		"temperature":          number(0, 2),
		"top_p":                number(0, 1),
		"top_logprobs":         integer(0, 20),
		"tools":                list(0, typed(nil)),
		"tool_choice":          either(oneOf("none", "auto", "required"), typed(nil)),
		"parallel_tool_calls":  boolean,
		"text":                 object,
		"reasoning":            object,
		"include":              list(0, text),
		"metadata":             object,
		"truncation":           oneOf("auto", "disabled"),
		"previous_response_id": text,
		"conversation":         either(text, object),
		"background":           boolean,
		"store":                boolean,
		"stream_options":       object,
		"user":                 text,
	}},
	sdk.OpMessages: {[]string{"messages"}, map[string]check{
		"messages":       list(1, turn),
		"max_tokens":     integer(1, anything),
		"system":         either(text, list(0, object)),
		"stop_sequences": list(0, text),
		"temperature":    number(0, 2),
		"top_p":          number(0, 1),
		"top_k":          integer(-1, anything),
		"tools":          list(0, object),
		"tool_choice":    typed(nil),
		"thinking":       typed(nil),
		"metadata":       object,
	}},
	sdk.OpCountTokens: {[]string{"messages"}, map[string]check{"messages": list(1, turn), "tools": list(0, object)}},
	sdk.OpRerank: {[]string{"query", "documents"}, map[string]check{
		"query":     text,
		"documents": list(1, either(text, object)),
		"top_n":     integer(1, anything),
	}},
	sdk.OpTokenize:   {[]string{"content"}, map[string]check{"content": either(text, list(0, either(text, integer(0, anything))))}},
	sdk.OpDetokenize: {[]string{"tokens"}, map[string]check{"tokens": list(0, integer(0, anything))}},
}

// sampling are the fields that chats and completions share.
var sampling = map[string]check{
	"temperature":       number(0, 2),
	"top_p":             number(0, 1),
	"presence_penalty":  number(-2, 2),
	"frequency_penalty": number(-2, 2),
	"n":                 integer(1, 128),
	"seed":              integer(-1<<63, 1<<63),
	"stop":              either(text, list(0, text)),
	"logit_bias":        bias,
	"stream_options":    optional("include_usage", boolean),
	"service_tier":      text,
	"metadata":          object,
	"user":              text,
}

// with returns the checks of both.
func with(common, own map[string]check) map[string]check {
	for name, check := range common {
		own[name] = check
	}
	return own
}
