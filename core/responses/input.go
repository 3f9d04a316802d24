package responses

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// An Input is what a model is given: the items that went before, and a request's own.
type Input struct {
	Dropped int // items that were left out, the oldest

	items []json.RawMessage
}

// Join puts what went before in front of a request's items. Ids and states are left
// out of the first: a service that stores nothing for us looks for its own. What the
// model thought in turns that are over is left out, as OpenAI does it.
func Join(before []conversation.Item, own []json.RawMessage) *Input {
	in := &Input{items: make([]json.RawMessage, 0, len(before)+len(own))}
	last := -1 // a message of the user
	for i, item := range before {
		if isUser(item.Body) {
			last = i
		}
	}
	for _, raw := range own {
		if isUser(raw) {
			last = len(before)
		}
	}
	for i, item := range before {
		if sent := sentAgain(item.Body, i > last); sent != nil {
			in.items = append(in.items, sent)
		}
	}
	in.items = append(in.items, own...)
	return in
}

// sentAgain is a stored item as an engine is given it; nil where it is left out.
func sentAgain(body json.RawMessage, thoughts bool) json.RawMessage {
	item := gjson.ParseBytes(body)
	switch kind := typeOf(item); {
	case kind == "reasoning" && !thoughts:
		return nil
	case kind == "reasoning" && item.Get("encrypted_content").String() != "":
		return put(body, member{"status", nil}, member{"content", nil})
	case kind == "reasoning" && len(item.Get("content").Array()) == 0:
		return nil
	case kind == "function_call" && item.Get("status").Str == "incomplete": // engines refuse arguments that break off
		return nil
	case prefixes[kind] != "":
		return put(body, member{"id", nil}, member{"status", nil})
	}
	return body // of a tool that a service has: its id is part of it
}

// JSON is the input as a request has it.
func (in *Input) JSON() []byte {
	b := append(make([]byte, 0, in.Size()), '[')
	for i, item := range in.items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item...)
	}
	return append(b, ']')
}

// Size bounds how long the input is, in bytes.
func (in *Input) Size() int {
	size := 2
	for _, item := range in.items {
		size += len(item) + 1
	}
	return size
}

// Drop leaves out the oldest items, so that a share of the input is gone, from 0 to 1.
// Turns go whole, and of the last one calls with their outputs. Instructions
// (messages of the system and the developer), the last message of the user, and what
// came last are kept. It says whether anything was left out.
func (in *Input) Drop(share float64) bool {
	want := int(share * float64(in.Size()))
	gone := map[int]bool{}
	dropped := 0
	for _, unit := range in.units() {
		if dropped >= want && dropped > 0 {
			break
		}
		for _, i := range unit {
			gone[i] = true
			dropped += len(in.items[i])
		}
	}
	kept := make([]json.RawMessage, 0, len(in.items))
	for i, item := range in.items {
		if !gone[i] {
			kept = append(kept, item)
		}
	}
	in.items, in.Dropped = kept, in.Dropped+len(gone)
	return len(gone) > 0
}

// units are the items that may be left out, in those that go together, oldest first.
func (in *Input) units() [][]int {
	last := -1
	for i, item := range in.items {
		if isUser(item) {
			last = i
		}
	}
	var all [][]int
	open := false // the next item belongs to the last unit
	for i, raw := range in.items {
		item := gjson.ParseBytes(raw)
		switch role := item.Get("role").Str; {
		case role == "system", role == "developer":
			continue
		case i == last:
			open = false
			continue
		case i < last:
			open = open && role != "user"
		case i > last+1: // calls, their outputs, and then the next ones
			open = open && (isOutput(item) || !isOutput(gjson.ParseBytes(in.items[i-1])))
		}
		if !open {
			all, open = append(all, nil), true
		}
		all[len(all)-1] = append(all[len(all)-1], i)
	}
	if n := len(all); n > 0 && all[n-1][len(all[n-1])-1] == len(in.items)-1 { // what came last
		all = all[:n-1]
	}
	return all
}

func isUser(raw []byte) bool { return gjson.GetBytes(raw, "role").Str == "user" }

func isOutput(item gjson.Result) bool {
	kind := item.Get("type").Str
	return len(kind) > len("_output") && kind[len(kind)-len("_output"):] == "_output"
}
