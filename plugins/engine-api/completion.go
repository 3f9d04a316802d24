package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// completion is an answer to a chat in OpenAI's form, as a dialect makes it piece by
// piece: streamed, each piece goes out as a chunk; else they add up to one answer.
type completion struct {
	w      http.ResponseWriter
	stream bool
	tell   bool // the usage, at the end of a stream
	begun  bool

	id, model string
	created   int64

	content, reasoning, refusal []byte // of a whole answer
	size                        int    // of it, with the calls
	calls                       []toolCall
	arguments                   []byte // of the last call
	argued                      bool   // it has some
}

// spent is what an answer took, in tokens. Details that the service does not tell
// are nil.
type spent struct {
	prompt, completion int64
	cached, written    *int64 // of the prompt
	reasoning          *int64 // of the completion
}

// maxAnswer bounds an answer that is put together here, in bytes.
const maxAnswer = 64 << 20

const maxCalls = 1024

func tooManyCalls() error {
	return failed(http.StatusBadGateway, "upstream_broken", "The answer calls more than %d tools", maxCalls)
}

func newCompletion(w http.ResponseWriter, u *upstream, c *chat) *completion {
	return &completion{w: w, stream: c.Stream, tell: c.StreamOptions.IncludeUsage, id: "chatcmpl-" + rand.Text(), model: u.id, created: time.Now().Unix()}
}

// named takes over the service's own id of the answer, so that both logs have it.
func (c *completion) named(id string) {
	if ids.MatchString(id) {
		c.id = "chatcmpl-" + id
	}
}

// say adds to the text.
func (c *completion) say(text string) error {
	return c.add(&c.content, text, "content")
}

// think adds to what the model says to itself, in the field that engines have for it.
func (c *completion) think(text string) error {
	return c.add(&c.reasoning, text, "reasoning_content")
}

// refuse adds to the model's reasons for not answering.
func (c *completion) refuse(text string) error {
	return c.add(&c.refusal, text, "refusal")
}

func (c *completion) add(to *[]byte, text, field string) error {
	if text == "" {
		return nil
	}
	if c.stream {
		return c.delta(map[string]any{field: text})
	}
	*to = append(*to, text...)
	return c.grow(len(text))
}

func (c *completion) grow(by int) error {
	if c.size += by; c.size > maxAnswer {
		return failed(http.StatusBadGateway, "upstream_broken", "The answer is larger than %d MiB", maxAnswer>>20)
	}
	return nil
}

// call begins a call of a tool.
func (c *completion) call(id, name string) error {
	if err := c.settle(); err != nil {
		return err
	}
	c.argued = false
	if id == "" {
		id = "call_" + rand.Text()
	}
	call := toolCall{ID: id, Type: "function", Function: functionCall{Name: name}}
	if c.calls = append(c.calls, call); len(c.calls) > maxCalls {
		return tooManyCalls()
	}
	if err := c.grow(len(id) + len(name)); err != nil {
		return err
	}
	return c.delta(map[string]any{"tool_calls": []any{map[string]any{"index": len(c.calls) - 1, "id": id, "type": "function", "function": call.Function}}})
}

// argue adds to the arguments of the last call.
func (c *completion) argue(piece string) error {
	if len(c.calls) == 0 || piece == "" {
		return nil
	}
	c.argued = true
	if !c.stream {
		c.arguments = append(c.arguments, piece...)
		return c.grow(len(piece))
	}
	return c.delta(map[string]any{"tool_calls": []any{map[string]any{"index": len(c.calls) - 1, "function": map[string]any{"arguments": piece}}}})
}

// settle ends the last call: without arguments it has an empty object, as OpenAI
// has it, for clients read it as JSON.
func (c *completion) settle() error {
	if len(c.calls) == 0 {
		return nil
	}
	if !c.argued {
		if err := c.argue("{}"); err != nil {
			return err
		}
	}
	c.calls[len(c.calls)-1].Function.Arguments += string(c.arguments)
	c.arguments = nil
	return nil
}

// finish ends the answer.
func (c *completion) finish(reason string, s spent) error {
	if err := c.settle(); err != nil {
		return err
	}
	if len(c.calls) > 0 && reason == "stop" {
		reason = "tool_calls"
	}
	if !c.stream {
		return c.whole(reason, s)
	}
	if err := c.begin(); err != nil {
		return err
	}
	if err := c.send([]any{map[string]any{"index": 0, "delta": map[string]any{}, "finish_reason": reason}}); err != nil {
		return err
	}
	told := encode(c.chunk([]any{}, s.told()))
	end := fmt.Appendf(nil, ": %s\ndata: [DONE]\n\n", told) // a comment: clients pass over it, and the core counts
	if c.tell {
		end = fmt.Appendf(nil, "data: %s\n\ndata: [DONE]\n\n", told)
	}
	_, err := c.w.Write(end)
	return err
}

// whole writes the answer at once.
func (c *completion) whole(reason string, s spent) error {
	said := map[string]any{"role": "assistant", "content": nil, "refusal": nil}
	if len(c.content) > 0 || len(c.calls) == 0 && len(c.refusal) == 0 {
		said["content"] = string(c.content)
	}
	if len(c.refusal) > 0 {
		said["refusal"] = string(c.refusal)
	}
	if len(c.reasoning) > 0 {
		said["reasoning_content"] = string(c.reasoning)
	}
	if len(c.calls) > 0 {
		said["tool_calls"] = c.calls
	}
	c.w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(c.w).Encode(map[string]any{"id": c.id, "object": "chat.completion", "created": c.created, "model": c.model,
		"choices": []any{map[string]any{"index": 0, "message": said, "logprobs": nil, "finish_reason": reason}}, "usage": s.told()})
}

// begin sends the first chunk, which says who speaks.
func (c *completion) begin() error {
	if c.begun || !c.stream {
		return nil
	}
	c.begun = true
	c.w.Header().Set("Content-Type", "text/event-stream")
	return c.piece(map[string]any{"role": "assistant", "content": ""})
}

func (c *completion) delta(delta map[string]any) error {
	if !c.stream {
		return nil
	}
	if err := c.begin(); err != nil {
		return err
	}
	return c.piece(delta)
}

func (c *completion) piece(delta map[string]any) error {
	return c.send([]any{map[string]any{"index": 0, "delta": delta, "finish_reason": nil}})
}

func (c *completion) send(choices []any) error {
	chunk := c.chunk(choices, nil)
	if !c.tell {
		delete(chunk, "usage")
	}
	if _, err := c.w.Write(fmt.Appendf(nil, "data: %s\n\n", encode(chunk))); err != nil {
		return err
	}
	return http.NewResponseController(c.w).Flush()
}

func (c *completion) chunk(choices []any, told any) map[string]any {
	return map[string]any{"id": c.id, "object": "chat.completion.chunk", "created": c.created, "model": c.model, "choices": choices, "usage": told}
}

// told is the usage in OpenAI's form.
func (s spent) told() map[string]any {
	told := map[string]any{"prompt_tokens": s.prompt, "completion_tokens": s.completion, "total_tokens": s.prompt + s.completion}
	if s.cached != nil {
		details := map[string]any{"cached_tokens": *s.cached}
		if s.written != nil {
			details["cache_write_tokens"] = *s.written
		}
		told["prompt_tokens_details"] = details
	}
	if s.reasoning != nil {
		told["completion_tokens_details"] = map[string]any{"reasoning_tokens": *s.reasoning}
	}
	return told
}
