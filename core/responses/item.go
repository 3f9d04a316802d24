package responses

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// NewID is a new id: the prefix and 48 hexadecimal digits, as OpenAI's are.
func NewID(prefix string) string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // it never fails
	return prefix + hex.EncodeToString(b[:])
}

// prefixes are what the ids of items begin with, by their types.
var prefixes = map[string]string{
	"message": "msg_", "function_call": "fc_", "function_call_output": "fco_", "reasoning": "rs_",
	"custom_tool_call": "ctc_", "custom_tool_call_output": "ctco_",
}

func newItemID(kind string) string {
	prefix, ok := prefixes[kind]
	if !ok {
		prefix = "item_"
	}
	return NewID(prefix)
}

// Given are the items that a client gives, as they are kept: with ids of their own,
// types, states, and contents in parts.
func Given(input []json.RawMessage) []conversation.Item {
	kept := make([]conversation.Item, 0, len(input))
	for _, raw := range input {
		kept = append(kept, given(raw))
	}
	return kept
}

func given(raw json.RawMessage) conversation.Item {
	item := gjson.ParseBytes(raw)
	kind := typeOf(item)
	id := newItemID(kind)
	changes := []member{{"id", quoted(id)}}
	if !item.Get("type").Exists() {
		changes = append(changes, member{"type", quoted(kind)})
	}
	if _, ours := prefixes[kind]; ours && kind != "reasoning" && item.Get("status").Type != gjson.String {
		changes = append(changes, member{"status", quoted("completed")})
	}
	if content := item.Get("content"); kind == "message" && content.Type == gjson.String {
		changes = append(changes, member{"content", partsOf(item.Get("role").Str, content.Raw)})
	}
	return conversation.Item{ID: id, Body: clean(put(raw, changes...))}
}

// partsOf is the content of a message that was given as a text.
func partsOf(role, text string) []byte {
	if role == "assistant" {
		return []byte(`[{"type":"output_text","text":` + text + `,"annotations":[],"logprobs":[]}]`)
	}
	return []byte(`[{"type":"input_text","text":` + text + `}]`)
}

// answered is an item that a model made, as it is kept: its id is the engine's, where
// it has one that is not in use already.
func answered(raw string, used map[string]bool) conversation.Item {
	item := gjson.Parse(raw)
	id := item.Get("id").String()
	body := []byte(raw)
	if !plainID(id) || used[id] {
		id = newItemID(typeOf(item))
		body = put(body, member{"id", quoted(id)})
	}
	return conversation.Item{ID: id, Body: clean(bytes.Clone(body))}
}

// plainID says whether an engine's id can be asked for.
func plainID(id string) bool {
	return id != "" && len(id) <= 256 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' })
}

func typeOf(item gjson.Result) string {
	if kind := item.Get("type"); kind.Type == gjson.String {
		return kind.Str
	}
	return "message"
}

// clean replaces what is no UTF-8, which PostgreSQL refuses.
func clean(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return bytes.ToValidUTF8(b, []byte("\uFFFD"))
}

// member is one of an object: its value is JSON; nil takes it away.
type member struct {
	name  string
	value []byte
}

// put returns an object with members that are changed, or added at its end. The others
// stay the bytes that they are.
func put(object []byte, changes ...member) []byte {
	out := append(make([]byte, 0, len(object)+64*len(changes)), '{')
	done := make([]bool, len(changes))
	add := func(key string, value []byte) {
		if value != nil {
			out = append(append(append(append(out, key...), ':'), value...), ',')
		}
	}
	gjson.ParseBytes(object).ForEach(func(key, value gjson.Result) bool {
		for i, c := range changes {
			if c.name == key.Str {
				if !done[i] { // where a name stands twice, once
					add(key.Raw, c.value)
				}
				done[i] = true
				return true
			}
		}
		out = append(append(append(append(out, key.Raw...), ':'), value.Raw...), ',')
		return true
	})
	for i, c := range changes {
		if !done[i] {
			add(`"`+c.name+`"`, c.value)
		}
	}
	if out[len(out)-1] == ',' {
		out = out[:len(out)-1]
	}
	return append(out, '}')
}

// quoted is a text as JSON.
func quoted(text string) []byte {
	b, _ := json.Marshal(text) // of a text: it cannot fail
	return b
}
