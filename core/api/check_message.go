package api

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

func sorted(types map[string]check) []string { return slices.Sorted(maps.Keys(types)) }

// roles are those of a chat's messages, and what each must have.
var roles = map[string]check{
	"developer": member("content", content),
	"system":    member("content", content),
	"user":      member("content", content),
	"assistant": answered,
	"tool":      all(member("content", content), member("tool_call_id", text)),
	"function":  member("name", text),
}

var role = oneOf(sorted(roles)...)

// message is one of a chat.
func message(at string, v gjson.Result) error {
	if err := member("role", role)(at, v); err != nil {
		return err
	}
	return roles[lookup(v, "role").Str](at, v)
}

// turn is a message in Anthropic's form.
var turn = all(member("role", text), member("content", either(text, list(0, typed(nil)))))

// answered is a message of the model: its text, or what it called.
func answered(at string, v gjson.Result) error {
	if calls := lookup(v, "tool_calls"); calls.Exists() && calls.Type != gjson.Null {
		if err := list(0, call)(at+".tool_calls", calls); err != nil {
			return err
		}
		return optional("content", content)(at, v)
	}
	for _, other := range []string{"function_call", "audio", "refusal", "reasoning_content"} {
		if lookup(v, other).Exists() {
			return nil
		}
	}
	return member("content", content)(at, v)
}

// call is one that the model made before.
var call = typed(map[string]check{
	"function": all(member("id", text), member("function", all(member("name", text), member("arguments", text)))),
	"custom":   object,
})

// content is a text, or parts of several kinds.
var content = either(text, list(1, typed(map[string]check{
	"text":        member("text", text),
	"refusal":     member("refusal", text),
	"image_url":   member("image_url", member("url", text)),
	"input_audio": member("input_audio", all(member("data", text), member("format", text))),
	"file":        member("file", object),
	"video_url":   object, // some engines' own
})))

// tool is one that the model may call.
var tool = typed(map[string]check{
	"function": member("function", all(member("name", text), optional("parameters", object))),
	"custom":   member("custom", member("name", text)),
})

// all is every one of the checks.
func all(checks ...check) check {
	return func(at string, v gjson.Result) error {
		for _, check := range checks {
			if err := check(at, v); err != nil {
				return err
			}
		}
		return nil
	}
}

// prompts is a text or a list of texts, of tokens, or of lists of tokens. What is
// between those is llama.cpp's own and passes.
var prompts = either(text, list(1, either(textOrToken, list(1, integer(0, anything)))))

func textOrToken(at string, v gjson.Result) error {
	if v.Type != gjson.String && v.Type != gjson.Number {
		return wrongType(at, "a string or a token", v)
	}
	return nil
}

// bias is an object of numbers by token.
func bias(at string, v gjson.Result) (err error) {
	if err := object(at, v); err != nil {
		return err
	}
	v.ForEach(func(token, value gjson.Result) bool {
		if _, parse := strconv.Atoi(strings.TrimSpace(token.Str)); parse != nil {
			err = wrongValue(at, "invalid_value", "the name %.40q is no token; tokens are integers", token.Str)
		} else {
			err = number(-anything, anything)(at+"."+token.Str, value)
		}
		return err == nil
	})
	return err
}
