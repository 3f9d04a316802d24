package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// Fields are those of a request's body that an engine does not see: what they ask for
// is done here.
var Fields = []string{"previous_response_id", "conversation", "truncation", "background"}

// A Request is what a body of POST /v1/responses says about what is remembered.
type Request struct {
	Store        bool            // true where nothing is said, as at OpenAI
	Previous     string          // id of the response that it goes on from; may be empty
	Conversation string          // id of the conversation that it belongs to; may be empty
	Auto         bool            // what is too long for the model is cut
	Output       int64           // the most tokens of the answer; 0 where nothing is said
	Metadata     json.RawMessage // nil, or an object
	Input        []json.RawMessage
}

// Read reads a request by its fields, which are of the types that OpenAI says. The
// error is a [conversation.FieldError]. The input is part of the body, the rest a copy.
func Read(field func(name string) gjson.Result) (*Request, error) {
	r := &Request{
		Store:    field("store").Type != gjson.False,
		Previous: strings.Clone(field("previous_response_id").String()),
		Auto:     field("truncation").String() == "auto",
		Output:   field("max_output_tokens").Int(),
		Input:    inputOf(field("input")),
	}
	switch c := field("conversation"); {
	case c.IsObject():
		if r.Conversation = strings.Clone(c.Get("id").String()); r.Conversation == "" {
			return nil, &conversation.FieldError{Param: "conversation.id", Message: "'conversation' must be the id of a conversation, or an object with its 'id'"}
		}
	default:
		r.Conversation = strings.Clone(c.String())
	}
	if m := field("metadata"); m.IsObject() {
		r.Metadata = json.RawMessage(m.Raw) // the conversion copies it
	}
	switch {
	case r.Previous != "" && r.Conversation != "":
		return nil, &conversation.FieldError{Param: "previous_response_id", Message: "'previous_response_id' and 'conversation' cannot be used together: both say what went before"}
	case field("background").Bool():
		return nil, &conversation.FieldError{Param: "background", Message: "'background' is not supported: ask with 'stream', and the response is stored when it ends or is broken off"}
	}
	return r, nil
}

// Remembers says whether anything was remembered or will be. Where it does not, the
// request and its answer go on as they are.
func (r *Request) Remembers() bool {
	return r.Store || r.Previous != "" || r.Conversation != "" || r.Auto || len(r.References()) > 0
}

// References are the ids of the items that the input only refers to.
func (r *Request) References() []string {
	var ids []string
	for _, raw := range r.Input {
		if isReference(raw) {
			ids = append(ids, gjson.GetBytes(raw, "id").String())
		}
	}
	return ids
}

// Resolve puts the items that the input refers to in their places. Those that went
// before are there already, and are left out. The error is a [conversation.Missing].
func (r *Request) Resolve(before []conversation.Item, found map[string]conversation.Item) error {
	there := map[string]bool{}
	for _, item := range before {
		there[item.ID] = true
	}
	input := make([]json.RawMessage, 0, len(r.Input))
	for _, raw := range r.Input {
		if !isReference(raw) {
			input = append(input, raw)
			continue
		}
		id := gjson.GetBytes(raw, "id").String()
		item, ok := found[id]
		switch {
		case there[id]:
		case !ok:
			return &conversation.Missing{Kind: "item", ID: id}
		default:
			if sent := sentAgain(item.Body, true); sent != nil {
				input = append(input, sent)
			}
		}
	}
	r.Input = input
	return nil
}

func isReference(raw []byte) bool {
	kind := gjson.GetBytes(raw, "type")
	return kind.Str == "item_reference" || kind.Type == gjson.Null && !gjson.GetBytes(raw, "role").Exists() && gjson.GetBytes(raw, "id").Exists() // the type may be left out
}

// inputOf are the items of an input; a text is a message of the user.
func inputOf(input gjson.Result) []json.RawMessage {
	if input.Type == gjson.String {
		return []json.RawMessage{[]byte(`{"type":"message","role":"user","content":[{"type":"input_text","text":` + input.Raw + `}]}`)}
	}
	var items []json.RawMessage
	for _, item := range input.Array() {
		items = append(items, json.RawMessage(item.Raw))
	}
	return items
}
