package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk/openai"
)

type responseRequest struct {
	Input json.RawMessage `json:"input"`
	Tools []struct {
		Name string `json:"name"`
	} `json:"tools"`
	Stream bool `json:"stream"`
}

// inputItem is an item of a response's input, as far as it is shown.
type inputItem struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Output    any             `json:"output"`
}

// respond answers with all that it was given, in words, so that a test sees what that
// was; or with a call of the first tool, unless an output came last. With ctx_len more
// words than that are refused.
func (h *handler) respond(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req responseRequest
	if err == nil {
		err = json.Unmarshal(body, &req)
	}
	if err != nil {
		openai.Errorf("", "", "%v", err).Write(w)
		return
	}
	if h.misbehaves(w, r) {
		return
	}
	items := itemsOf(req.Input)
	words := strings.SplitAfter(transcript(items), " ")
	if h.settings.CtxLen > 0 && len(words) > h.settings.CtxLen {
		openai.Errorf("input", "context_length_exceeded", "This model's maximum context length is %d tokens. However, your request has %d tokens", h.settings.CtxLen, len(words)).Write(w)
		return
	}
	if h.settings.Tokens > 0 {
		words = h.answer(chatRequest{})
	}
	if sleep(r.Context(), time.Duration(h.settings.FirstTokenMS)*time.Millisecond) != nil {
		h.left()
		return
	}
	asked := map[string]any{"path": r.URL.Path, "content_type": r.Header.Get("Content-Type"), "body": string(body)}
	a := &response{asked: asked, handler: h, w: w, stream: req.Stream, words: words, id: "echo_" + rand.Text(), item: rand.Text()}
	if n := len(items); len(req.Tools) > 0 && (n == 0 || items[n-1].Type != "function_call_output") {
		a.tool = req.Tools[0].Name
	}
	if a.send(r.Context()) != nil {
		h.left()
	}
}

func itemsOf(input json.RawMessage) []inputItem {
	var text string
	if json.Unmarshal(input, &text) == nil {
		return []inputItem{{Role: "user", Content: input}}
	}
	var items []inputItem
	_ = json.Unmarshal(input, &items) // another form has none
	return items
}

// transcript is an input in words.
func transcript(items []inputItem) string {
	var lines []string
	for _, item := range items {
		switch {
		case item.Role != "":
			lines = append(lines, item.Role+": "+textOf(item.Content))
		case item.Type == "function_call":
			lines = append(lines, "call: "+item.Name+item.Arguments)
		case item.Type == "function_call_output":
			lines = append(lines, fmt.Sprintf("output: %v", item.Output))
		default:
			lines = append(lines, item.Type)
		}
	}
	return strings.Join(lines, " | ")
}

func textOf(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var parts []struct{ Type, Text string }
	_ = json.Unmarshal(content, &parts)
	for _, p := range parts {
		if p.Text == "" {
			p.Text = "[" + p.Type + "]"
		}
		text += p.Text
	}
	return text
}

// response is one that is being written, as a stream or whole.
type response struct {
	*handler
	w        http.ResponseWriter
	stream   bool
	words    []string
	tool     string // is called; empty: there is a message
	id, item string
	asked    map[string]any // as other says it; in a whole response
	events   int
}

func (a *response) send(ctx context.Context) error {
	a.w.Header().Set("Content-Type", "application/json")
	if a.stream {
		a.w.Header().Set("Content-Type", "text/event-stream")
	}
	a.event("created", map[string]any{"response": a.object("in_progress", nil)})
	a.event("in_progress", map[string]any{"response": a.object("in_progress", nil)})
	whole, err := a.output(ctx)
	if err != nil {
		return err
	}
	a.event("completed", map[string]any{"response": a.object("completed", whole)})
	if a.stream {
		return nil
	}
	object := a.object("completed", whole)
	maps.Copy(object, a.asked)
	return json.NewEncoder(a.w).Encode(object)
}

// output writes the events of the one item, and returns it.
func (a *response) output(ctx context.Context) (map[string]any, error) {
	item := map[string]any{"id": "msg_" + a.item, "type": "message", "role": "assistant", "status": "in_progress", "content": []any{}}
	if a.tool != "" {
		item = map[string]any{"id": "fc_" + a.item, "type": "function_call", "status": "completed", "call_id": "call_" + a.item, "name": a.tool, "arguments": `{"n":1}`}
		a.event("output_item.added", map[string]any{"output_index": 0, "item": item})
		a.event("function_call_arguments.delta", map[string]any{"output_index": 0, "item_id": item["id"], "delta": item["arguments"]})
		a.event("function_call_arguments.done", map[string]any{"output_index": 0, "item_id": item["id"], "name": a.tool, "arguments": item["arguments"]})
		a.event("output_item.done", map[string]any{"output_index": 0, "item": item})
		return item, nil
	}
	at := map[string]any{"output_index": 0, "content_index": 0, "item_id": item["id"], "logprobs": []any{}}
	part := map[string]any{"type": "output_text", "text": "", "annotations": []any{}, "logprobs": []any{}}
	a.event("output_item.added", map[string]any{"output_index": 0, "item": item})
	a.event("content_part.added", at, "part", part)
	for i, word := range a.words {
		if err := a.pace(ctx, i); err != nil {
			return nil, err
		}
		a.event("output_text.delta", at, "delta", word)
	}
	part["text"] = strings.Join(a.words, "")
	item["status"], item["content"] = "completed", []any{part}
	a.event("output_text.done", at, "text", part["text"])
	a.event("content_part.done", at, "part", part)
	a.event("output_item.done", map[string]any{"output_index": 0, "item": item})
	return item, nil
}

// event writes an event with some members, and one more. A client that has left is
// seen by its context.
func (a *response) event(kind string, members map[string]any, more ...any) {
	if !a.stream {
		return
	}
	data := map[string]any{"type": "response." + kind, "sequence_number": a.events}
	maps.Copy(data, members)
	if len(more) > 0 {
		data[more[0].(string)] = more[1]
	}
	text, _ := json.Marshal(data) // of what is made here: it cannot fail
	fmt.Fprintf(a.w, "event: response.%s\ndata: %s\n\n", kind, text)
	a.w.(http.Flusher).Flush()
	a.events++
}

// object is the response as it is now.
func (a *response) object(status string, item map[string]any) map[string]any {
	output := []any{}
	if item != nil {
		output = append(output, item)
	}
	return map[string]any{
		"id": a.id, "object": "response", "created_at": time.Now().Unix(), "status": status, "model": a.model, "output": output,
		"error": nil, "incomplete_details": nil, "instructions": nil, "metadata": map[string]any{}, "parallel_tool_calls": true, "temperature": 1, "top_p": 1,
		"tool_choice": "auto", "tools": []any{}, "max_output_tokens": nil, "previous_response_id": nil, "store": false, "truncation": "disabled",
		"reasoning": map[string]any{"effort": nil, "summary": nil}, "text": map[string]any{"format": map[string]any{"type": "text"}},
		"usage": map[string]any{"input_tokens": 1, "input_tokens_details": map[string]int{"cached_tokens": 0}, "output_tokens": len(a.words),
			"output_tokens_details": map[string]int{"reasoning_tokens": 0}, "total_tokens": len(a.words) + 1},
	}
}
