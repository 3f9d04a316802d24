package responses

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// Check returns what is wrong with items that a conversation is to be given, which no
// engine looks at: a [conversation.FieldError], or nil.
func Check(items []json.RawMessage) error {
	for i, raw := range items {
		at := fmt.Sprintf("items[%d]", i)
		item := gjson.ParseBytes(raw)
		if !item.IsObject() {
			return wrong(at, "must be an object")
		}
		if isReference(raw) {
			return wrong(at, "refers to an item; send the item itself")
		}
		if err := check(at, item); err != nil {
			return err
		}
	}
	return nil
}

// texts are the members that items of a type must have.
var texts = map[string][]string{
	"function_call": {"call_id", "name", "arguments"}, "function_call_output": {"call_id"},
	"custom_tool_call": {"call_id", "name", "input"}, "custom_tool_call_output": {"call_id"},
}

func check(at string, item gjson.Result) error {
	kind := item.Get("type")
	if kind.Exists() && (kind.Type != gjson.String || kind.Str == "" || len(kind.Str) > 64) {
		return wrong(at+".type", "must be the type of an item, such as message")
	}
	if typeOf(item) == "message" {
		return checkMessage(at, item)
	}
	for _, name := range texts[kind.Str] {
		if item.Get(name).Type != gjson.String {
			return wrong(at+"."+name, "must be a text")
		}
	}
	if output := item.Get("output"); isOutput(item) && output.Type != gjson.String && !output.IsArray() {
		return wrong(at+".output", "must be a text, or a list of parts")
	}
	return nil
}

func checkMessage(at string, item gjson.Result) error {
	if !slices.Contains([]string{"user", "assistant", "system", "developer"}, item.Get("role").Str) {
		return wrong(at+".role", "must be user, assistant, system or developer")
	}
	content := item.Get("content")
	if content.Type == gjson.String {
		return nil
	}
	if !content.IsArray() {
		return wrong(at+".content", "must be a text, or a list of parts")
	}
	for n, part := range content.Array() {
		if part.Get("type").Type != gjson.String {
			return wrong(fmt.Sprintf("%s.content[%d].type", at, n), "must be the type of a part, such as input_text")
		}
	}
	return nil
}

func wrong(param, what string) error {
	return &conversation.FieldError{Param: param, Message: param + " " + what + "."}
}
