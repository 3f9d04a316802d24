package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk/openai"
)

// responses is the editor of /v1/responses: llama-server (b11669) numbers nothing
// in its events, leaves out most of a response's members, and calls one completed
// that max_output_tokens cut short.
type responses struct {
	common map[string]any // what each response says of its request
	limit  int64          // max_output_tokens
	number int            // of the next event
	items  map[string]int // output_index by the item's id
	last   map[string]any // the response of the last event
}

func newResponse(b openai.Body) editor {
	r := &responses{items: map[string]int{}, common: map[string]any{
		"object": "response", "created_at": time.Now().Unix(), "error": nil, "incomplete_details": nil, "instructions": nil, "output": []any{},
		"max_output_tokens": nil, "metadata": map[string]any{}, "model": "", "parallel_tool_calls": true, "previous_response_id": nil, "reasoning": map[string]any{"effort": nil, "summary": nil},
		"store": false, "temperature": nil, "text": map[string]any{"format": map[string]string{"type": "text"}}, "tool_choice": "auto", "tools": []any{}, "top_p": nil, "truncation": "disabled",
	}}
	for name := range r.common {
		if name != "store" && b.Has(name) {
			r.common[name] = b[name]
		}
	}
	r.common["tools"] = described(b)
	b.Read("max_output_tokens", &r.limit)
	return r
}

// described are the tools of a request with the members that a response's must have.
func described(b openai.Body) []any {
	var tools []map[string]any
	b.Read("tools", &tools)
	list := []any{}
	for _, tool := range tools {
		whole := map[string]any{"description": nil, "parameters": nil, "strict": nil}
		maps.Copy(whole, tool)
		list = append(list, whole)
	}
	return list
}

// edit implements editor. The many events of pieces of a text or of arguments are
// not decoded: what they lack is put in front. Quotes in a text are escaped, so
// that it is not taken for a member.
func (r *responses) edit(out *bytes.Buffer, data []byte) error {
	kind := "response." + between(data, `"type":"response.`)
	if item := between(data, `"item_id":"`); item != "" {
		place := fmt.Sprintf(`"output_index":%d,`, r.items[item])
		if !strings.Contains(kind, "function_call") {
			place += `"content_index":0,`
		}
		if strings.HasPrefix(kind, "response.output_text.") {
			place += `"logprobs":[],`
		}
		if strings.HasPrefix(kind, "response.content_part.added") {
			data = bytes.Replace(data, []byte(`"part":{`), []byte(`"part":{"annotations":[],"logprobs":[],`), 1)
		}
		r.send(out, kind, place, data)
		return nil
	}
	event, err := decode(data)
	if err != nil {
		return err
	}
	return r.change(out, kind, event)
}

// change writes an event of an item or of the response.
func (r *responses) change(out *bytes.Buffer, kind string, event map[string]any) error {
	delete(event, "timings")
	if item, ok := event["item"].(map[string]any); ok {
		id, _ := item["id"].(string)
		if _, known := r.items[id]; !known {
			r.items[id] = len(r.items)
		}
		event["output_index"] = r.items[id]
		if kind == "response.output_item.done" && item["type"] == "function_call" {
			r.send(out, "response.function_call_arguments.done", "", encode(map[string]any{"type": "response.function_call_arguments.done",
				"item_id": id, "output_index": r.items[id], "name": item["name"], "arguments": item["arguments"]}))
		}
	}
	if response, ok := event["response"].(map[string]any); ok {
		event["response"] = r.fill(response)
		if kind == "response.completed" && r.last["status"] == "incomplete" {
			kind = "response.incomplete"
			event["type"] = kind
		}
	}
	r.send(out, kind, "", encode(event))
	return nil
}

// fill adds what a response lacks.
func (r *responses) fill(response map[string]any) map[string]any {
	r.last = maps.Clone(r.common)
	maps.Copy(r.last, response)
	used, ok := r.last["usage"].(map[string]any)
	if !ok {
		return r.last
	}
	used["output_tokens_details"] = map[string]int{"reasoning_tokens": 0}
	if details, ok := used["input_tokens_details"].(map[string]any); ok {
		details["cache_write_tokens"] = 0
	}
	if r.limit > 0 && integer(used["output_tokens"]) >= r.limit {
		r.last["status"] = "incomplete"
		r.last["incomplete_details"] = map[string]string{"reason": "max_output_tokens"}
		delete(r.last, "completed_at")
		if output, _ := r.last["output"].([]any); len(output) > 0 {
			cut, _ := output[len(output)-1].(map[string]any)
			cut["status"] = "incomplete"
		}
	}
	return r.last
}

// send writes an event with its number; place is more to put in front.
func (r *responses) send(out *bytes.Buffer, kind, place string, data []byte) {
	fmt.Fprintf(out, "event: %s\ndata: {\"sequence_number\":%d,%s", kind, r.number, place)
	out.Write(data[1:])
	out.WriteString("\n\n")
	r.number++
}

// fail implements editor.
func (r *responses) fail(out *bytes.Buffer, f *openai.Error) {
	var param any
	if f.Param != "" {
		param = f.Param
	}
	r.send(out, "error", "", encode(map[string]any{"type": "error", "code": cmp.Or(f.Code, "server_error"), "message": f.Message, "param": param}))
}

// add implements editor.
func (r *responses) add(data []byte) error {
	if !r.over(data) {
		return nil
	}
	event, err := decode(data)
	if err != nil {
		return err
	}
	response, _ := event["response"].(map[string]any)
	r.fill(response)
	if r.last["status"] == "completed" {
		r.last["completed_at"] = json.Number(strconv.FormatInt(time.Now().Unix(), 10))
	}
	return nil
}

// over implements editor.
func (r *responses) over(data []byte) bool {
	return bytes.HasPrefix(data, []byte(`{"type":"response.completed"`))
}

// answer implements editor.
func (r *responses) answer() any { return r.last }

// between is the text after a mark, up to the next quote.
func between(data []byte, mark string) string {
	_, rest, _ := bytes.Cut(data, []byte(mark))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(text)
}
