package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// anthropicAnswer is a message, and what becomes of it on the way.
type anthropicAnswer struct {
	id, model    string
	blocks       []map[string]any
	stop         string
	stopSequence any
	input        int
	output       int
	fate         string // a word of the question: OVERLOAD, CUT or HANG
}

// answer says the words of the last message again, or calls a tool with them.
func (a *anthropicAsk) answer() *anthropicAnswer {
	words := strings.Join(a.last, " ")
	said := &anthropicAnswer{id: "msg_" + rand.Text(), model: a.Model, stop: "end_turn", input: a.tokens()}
	for _, fate := range []string{"OVERLOAD", "CUT", "HANG"} {
		if slices.Contains(a.last, fate) {
			said.fate = fate
		}
	}
	if a.Thinking != nil && (a.Thinking.Type == "enabled" || a.Thinking.Type == "adaptive") {
		said.blocks = append(said.blocks, map[string]any{"type": "thinking", "thinking": "Hm, " + words, "signature": "c2lnbmVk"})
	}
	switch tool := a.tool(); {
	case slices.Contains(a.last, "REFUSE"):
		said.stop = "refusal"
	case tool != nil:
		said.stop = "tool_use"
		said.blocks = append(said.blocks, map[string]any{"type": "tool_use", "id": "toolu_" + rand.Text(), "name": tool.Name, "input": sample(tool.InputSchema, words)})
	case a.OutputConfig != nil && a.OutputConfig.Format != nil:
		text, _ := json.Marshal(sample(a.OutputConfig.Format.Schema, words))
		said.text(string(text))
	default:
		said.text(a.cut(words, said))
	}
	for _, block := range said.blocks {
		said.output += max(1, len(strings.Fields(fmt.Sprint(block["text"], block["input"]))))
	}
	return said
}

func (said *anthropicAnswer) text(text string) {
	said.blocks = append(said.blocks, map[string]any{"type": "text", "text": text, "citations": nil})
}

// cut ends an answer where the request says that it ends.
func (a *anthropicAsk) cut(words string, said *anthropicAnswer) string {
	for _, stop := range a.StopSequences {
		if before, _, found := strings.Cut(words, stop); found {
			words, said.stop, said.stopSequence = before, "stop_sequence", stop
		}
	}
	if fields := strings.Fields(words); a.MaxTokens != nil && len(fields) > *a.MaxTokens {
		words, said.stop = strings.Join(fields[:*a.MaxTokens], " "), "max_tokens"
	}
	return words
}

// tool is the one that the answer calls: the one that is asked for, or whose name
// is among the words.
func (a *anthropicAsk) tool() *anthropicTool {
	choice, name := "auto", ""
	if a.ToolChoice != nil {
		choice, name = a.ToolChoice.Type, a.ToolChoice.Name
	}
	for i, tool := range a.Tools {
		if choice == "any" || choice == "tool" && tool.Name == name || choice == "auto" && !a.results && slices.Contains(a.last, tool.Name) {
			return &a.Tools[i]
		}
	}
	return nil
}

func (a *anthropicAsk) tokens() int { return len(a.words) + len(a.Tools) }

func (said *anthropicAnswer) usage() map[string]any {
	return map[string]any{"input_tokens": said.input, "output_tokens": said.output, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2, "service_tier": "standard"}
}

func (said *anthropicAnswer) message() map[string]any {
	content := said.blocks
	if content == nil {
		content = []map[string]any{}
	}
	return map[string]any{"id": said.id, "type": "message", "role": "assistant", "model": said.model, "content": content,
		"stop_reason": said.stop, "stop_sequence": said.stopSequence, "usage": said.usage()}
}

func (said *anthropicAnswer) write(w http.ResponseWriter, r *http.Request, stream bool) {
	switch {
	case said.fate == "HANG" && !stream:
		<-r.Context().Done()
	case said.fate == "OVERLOAD" && !stream:
		anthropicFault(w, 529)
	case !stream:
		answer(w, said.message())
	default:
		said.stream(w, r)
	}
}

func (said *anthropicAnswer) stream(w http.ResponseWriter, r *http.Request) {
	send := events(w)
	start := said.message()
	start["content"], start["stop_reason"], start["stop_sequence"] = []any{}, nil, nil
	start["usage"].(map[string]any)["output_tokens"] = 1
	send("message_start", map[string]any{"message": start})
	send("ping", map[string]any{})
	for i, block := range said.blocks {
		empty, deltas := anthropicDeltas(block)
		send("content_block_start", map[string]any{"index": i, "content_block": empty})
		for _, delta := range deltas {
			send("content_block_delta", map[string]any{"index": i, "delta": delta})
			switch said.fate {
			case "HANG":
				<-r.Context().Done()
				return
			case "CUT":
				panic(http.ErrAbortHandler)
			case "OVERLOAD":
				send("error", map[string]any{"error": map[string]any{"type": "overloaded_error", "message": "Overloaded"}, "request_id": w.Header().Get("Request-Id")})
				return
			}
		}
		send("content_block_stop", map[string]any{"index": i})
	}
	send("message_delta", map[string]any{"delta": map[string]any{"stop_reason": said.stop, "stop_sequence": said.stopSequence}, "usage": said.usage()})
	send("message_stop", map[string]any{})
}

// anthropicDeltas are a block as a stream begins it, and its pieces.
func anthropicDeltas(block map[string]any) (empty map[string]any, deltas []map[string]any) {
	pieces := func(text, kind, name string) {
		for _, piece := range strings.SplitAfter(text, " ") {
			deltas = append(deltas, map[string]any{"type": kind, name: piece})
		}
	}
	switch block["type"] {
	case "tool_use":
		input, _ := json.Marshal(block["input"])
		pieces("", "input_json_delta", "partial_json")
		pieces(string(input), "input_json_delta", "partial_json")
		return map[string]any{"type": "tool_use", "id": block["id"], "name": block["name"], "input": map[string]any{}}, deltas
	case "thinking":
		pieces(fmt.Sprint(block["thinking"]), "thinking_delta", "thinking")
		return map[string]any{"type": "thinking", "thinking": "", "signature": ""}, append(deltas, map[string]any{"type": "signature_delta", "signature": block["signature"]})
	}
	pieces(fmt.Sprint(block["text"]), "text_delta", "text")
	return map[string]any{"type": "text", "text": ""}, deltas
}

// events begins a stream of events whose data say their type too.
func events(w http.ResponseWriter) func(kind string, data map[string]any) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	return func(kind string, data map[string]any) {
		data["type"] = kind
		text, _ := json.Marshal(data)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, text)
		http.NewResponseController(w).Flush()
	}
}
