package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// assembly is the answer of a chat or a completion in the making, of the events of
// its stream.
type assembly struct {
	object  string                    // the kind of the answer
	top     map[string]any            // the top level, the last event's values
	choices map[string]map[string]any // by index, as it is written
	usage   usage
}

func newAssembly(object string, b openai.Body) assembly {
	return assembly{object: object, top: map[string]any{}, choices: map[string]map[string]any{}, usage: newUsage(b)}
}

// over implements editor.
func (a *assembly) over(data []byte) bool { return string(data) == "[DONE]" }

// fail implements editor.
func (a *assembly) fail(out *bytes.Buffer, r *openai.Error) {
	out.Write(r.Event(sdk.OpChat))
}

// add implements editor.
func (a *assembly) add(data []byte) error {
	event, err := decode(data)
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	choices, _ := event["choices"].([]any)
	delete(event, "choices")
	a.usage.add(event["usage"])
	maps.Copy(a.top, event)
	for _, c := range choices {
		if choice, ok := c.(map[string]any); ok {
			a.choice(choice)
		}
	}
	return nil
}

func (a *assembly) choice(piece map[string]any) {
	index := fmt.Sprint(piece["index"])
	choice, ok := a.choices[index]
	if !ok {
		choice = map[string]any{"index": piece["index"]}
		a.choices[index] = choice
	}
	if delta, ok := piece["delta"].(map[string]any); ok {
		message, _ := choice["message"].(map[string]any)
		if message == nil {
			message = map[string]any{}
			choice["message"] = message
		}
		join(message, delta)
	}
	delete(piece, "index")
	delete(piece, "delta")
	join(choice, piece)
}

// joined are the texts that come in pieces; every other text comes whole.
var joined = []string{"content", "reasoning_content", "refusal", "text", "arguments"}

// join adds a piece of an object to what has come of it before: texts that come
// in pieces and lists grow, numbered list members are joined with their own, and
// the last of any other value counts.
func join(whole, piece map[string]any) {
	for name, value := range piece {
		before, there := whole[name]
		switch v := value.(type) {
		case nil:
			if !there {
				whole[name] = nil
			}
		case string:
			if text, ok := before.(string); ok && slices.Contains(joined, name) {
				whole[name] = text + v
			} else {
				whole[name] = v
			}
		case map[string]any:
			if object, ok := before.(map[string]any); ok {
				join(object, v)
			} else {
				whole[name] = v
			}
		case []any:
			list, _ := before.([]any)
			whole[name] = joinList(list, v)
		default:
			whole[name] = v
		}
	}
}

// joinList joins members by their "index", where they have one (tool calls).
func joinList(list, pieces []any) []any {
	for _, p := range pieces {
		piece, _ := p.(map[string]any)
		i := slices.IndexFunc(list, func(member any) bool {
			m, _ := member.(map[string]any)
			return piece["index"] != nil && m["index"] == piece["index"]
		})
		if i < 0 {
			list = append(list, p)
			continue
		}
		join(list[i].(map[string]any), piece)
	}
	return list
}

// answer implements editor. It has what OpenAI's document requires: llama-server
// leaves out what is null.
func (a *assembly) answer() any {
	list := []any{}
	for _, index := range slices.Sorted(maps.Keys(a.choices)) {
		choice := a.choices[index]
		likelihoods, _ := choice["logprobs"].(map[string]any)
		if choice["logprobs"] = any(likelihoods); likelihoods == nil {
			choice["logprobs"] = nil
		}
		if message, ok := choice["message"].(map[string]any); ok {
			finish(message)
			if likelihoods != nil {
				likelihoods["refusal"] = nil
			}
		}
		list = append(list, choice)
	}
	a.top["object"], a.top["choices"], a.top["usage"] = a.object, list, a.usage.total()
	return a.top
}

func finish(message map[string]any) {
	calls, _ := message["tool_calls"].([]any)
	for _, call := range calls {
		if c, ok := call.(map[string]any); ok {
			delete(c, "index")
		}
	}
	for name, absent := range map[string]any{"role": "assistant", "content": "", "refusal": nil} {
		if message[name] == nil {
			message[name] = absent
		}
	}
}
