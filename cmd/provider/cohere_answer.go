package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// cohereAnswer is an answer to a chat, and what becomes of it on the way.
type cohereAnswer struct {
	id       string
	thinking string
	text     string
	plan     string
	calls    []cohereCall
	finish   string
	input    int
	fate     string // a word of the question: OVERLOAD, CUT or HANG
}

// answer says the words of the last message again, or calls a tool with them.
func (a *cohereAsk) answer() *cohereAnswer {
	words := strings.Join(a.last, " ")
	said := &cohereAnswer{id: strings.ToLower(rand.Text()), finish: "COMPLETE", input: a.words}
	for _, fate := range []string{"OVERLOAD", "CUT", "HANG"} {
		if slices.Contains(a.last, fate) {
			said.fate = fate
		}
	}
	if a.Thinking != nil && a.Thinking.Type == "enabled" {
		said.thinking = "Hm, " + words
	}
	for _, tool := range a.Tools {
		if a.ToolChoice == "REQUIRED" || a.ToolChoice == "" && !a.after && slices.Contains(a.last, tool.Function.Name) {
			arguments, _ := json.Marshal(sample(tool.Function.Parameters, words))
			call := cohereCall{ID: tool.Function.Name + "_" + strings.ToLower(rand.Text()[:12]), Type: "function"}
			call.Function.Name, call.Function.Arguments = tool.Function.Name, string(arguments)
			said.finish, said.plan, said.calls = "TOOL_CALL", "I will call "+tool.Function.Name+".", append(said.calls, call)
		}
	}
	switch {
	case said.calls != nil:
	case a.ResponseFormat != nil && a.ResponseFormat.Type == "json_object":
		text, _ := json.Marshal(sample(a.ResponseFormat.JSONSchema, words))
		said.text = string(text)
	default:
		said.text = a.cut(words, said)
	}
	return said
}

func (a *cohereAsk) cut(words string, said *cohereAnswer) string {
	for _, stop := range a.StopSequences {
		if before, _, found := strings.Cut(words, stop); found {
			words, said.finish = before, "STOP_SEQUENCE"
		}
	}
	if fields := strings.Fields(words); a.MaxTokens != nil && len(fields) > *a.MaxTokens {
		words, said.finish = strings.Join(fields[:*a.MaxTokens], " "), "MAX_TOKENS"
	}
	return words
}

func (said *cohereAnswer) usage() map[string]any {
	tokens := map[string]any{"input_tokens": float64(said.input), "output_tokens": float64(max(1, len(strings.Fields(said.text))))}
	return map[string]any{"billed_units": tokens, "tokens": tokens, "cached_tokens": 1}
}

func (said *cohereAnswer) write(w http.ResponseWriter, r *http.Request, stream bool) {
	switch {
	case said.fate == "HANG" && !stream:
		<-r.Context().Done()
	case said.fate == "OVERLOAD" && !stream:
		cohereFail(w, http.StatusServiceUnavailable, "the service is overloaded")
	case stream:
		said.stream(w, r)
	default:
		message := map[string]any{"role": "assistant"}
		content := []any{}
		if said.thinking != "" {
			content = append(content, map[string]any{"type": "thinking", "thinking": said.thinking})
		}
		if said.calls != nil {
			message["tool_calls"], message["tool_plan"] = said.calls, said.plan
		} else {
			content = append(content, map[string]any{"type": "text", "text": said.text})
		}
		if len(content) > 0 {
			message["content"] = content
		}
		answer(w, map[string]any{"id": said.id, "message": message, "finish_reason": said.finish, "usage": said.usage()})
	}
}

func (said *cohereAnswer) stream(w http.ResponseWriter, r *http.Request) {
	send := events(w)
	inMessage := func(index int, message map[string]any) map[string]any {
		return map[string]any{"index": index, "delta": map[string]any{"message": message}}
	}
	send("message-start", map[string]any{"id": said.id, "delta": map[string]any{"message": map[string]any{"role": "assistant", "content": []any{}, "tool_plan": "", "tool_calls": []any{}, "citations": []any{}}}})
	for _, piece := range pieces(said.plan) {
		send("tool-plan-delta", map[string]any{"delta": map[string]any{"message": map[string]any{"tool_plan": piece}}})
	}
	for i, call := range said.calls {
		arguments := call.Function.Arguments
		call.Function.Arguments = ""
		send("tool-call-start", inMessage(i, map[string]any{"tool_calls": call}))
		for _, piece := range pieces(arguments) {
			send("tool-call-delta", inMessage(i, map[string]any{"tool_calls": map[string]any{"function": map[string]any{"arguments": piece}}}))
		}
		send("tool-call-end", map[string]any{"index": i})
	}
	index := 0
	for _, part := range [][2]string{{"thinking", said.thinking}, {"text", said.text}} {
		kind, text := part[0], part[1]
		if text == "" {
			continue
		}
		send("content-start", inMessage(index, map[string]any{"content": map[string]any{"type": kind, kind: ""}}))
		for _, piece := range pieces(text) {
			send("content-delta", inMessage(index, map[string]any{"content": map[string]any{kind: piece}}))
			switch said.fate {
			case "HANG":
				<-r.Context().Done()
				return
			case "CUT":
				panic(http.ErrAbortHandler)
			case "OVERLOAD":
				send("message-end", map[string]any{"id": said.id, "delta": map[string]any{"finish_reason": "ERROR", "error": "the service is overloaded", "usage": said.usage()}})
				fmt.Fprint(w, "data: [DONE]\n\n")
				return
			}
		}
		send("content-end", map[string]any{"index": index})
		index++
	}
	send("message-end", map[string]any{"id": said.id, "delta": map[string]any{"finish_reason": said.finish, "usage": said.usage()}})
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// pieces are a text as a stream brings it, word by word; none of an empty one.
func pieces(text string) []string {
	if text == "" {
		return nil
	}
	return strings.SplitAfter(text, " ")
}
