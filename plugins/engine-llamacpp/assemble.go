package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// maxEvent bounds one event of a stream, in bytes; one with the likelihoods of
// many tokens is the largest.
const maxEvent = 8 << 20

// streamError is an error that llama-server sent in a stream.
type streamError struct {
	status int
	body   []byte // {"error": …}
}

func (e *streamError) Error() string { return string(e.body) }

// assemble makes the answer of a stream's events, as llama-server itself would
// have given it. object is the kind of the answer. A stream that breaks off
// before [DONE] is io.ErrUnexpectedEOF.
func assemble(events io.Reader, object string) (map[string]any, error) {
	a := assembly{answer: map[string]any{}, choices: map[string]map[string]any{}}
	lines := bufio.NewScanner(events)
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		switch {
		case !ok:
			continue
		case string(data) == "[DONE]":
			return a.finish(object), nil
		}
		if err := a.event(data); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, io.ErrUnexpectedEOF
}

// assembly is an answer in the making.
type assembly struct {
	answer  map[string]any            // the top level, the last event's values
	choices map[string]map[string]any // by index, as it is written
}

func (a *assembly) event(data []byte) error {
	var event map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&event); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	if failure, ok := event["error"].(map[string]any); ok {
		status := 500
		if code, ok := failure["code"].(json.Number); ok {
			if n, err := code.Int64(); err == nil && n >= 400 && n < 600 {
				status = int(n)
			}
		}
		return &streamError{status, bytes.Clone(data)}
	}
	choices, _ := event["choices"].([]any)
	delete(event, "choices")
	maps.Copy(a.answer, event)
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

// finish gives the answer the form of one that did not stream.
func (a *assembly) finish(object string) map[string]any {
	a.answer["object"] = object
	list := []any{}
	for _, index := range slices.Sorted(maps.Keys(a.choices)) {
		choice := a.choices[index]
		if message, ok := choice["message"].(map[string]any); ok {
			calls, _ := message["tool_calls"].([]any)
			for _, call := range calls {
				if c, ok := call.(map[string]any); ok {
					delete(c, "index")
				}
			}
			if message["content"] == nil {
				message["content"] = ""
			}
		}
		list = append(list, choice)
	}
	a.answer["choices"] = list
	return a.answer
}
