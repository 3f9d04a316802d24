package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (q *googleQuestion) response(candidates []any, out int) map[string]any {
	in := 0
	for _, content := range append(slices.Clone(q.Contents), q.SystemInstruction) {
		for _, part := range content.Parts {
			in += max(1, len(strings.Fields(part.Text)))
		}
	}
	thoughts := 0
	if c := q.GenerationConfig.ThinkingConfig; q.model.thinks() && (c.ThinkingBudget == nil || *c.ThinkingBudget != 0) {
		thoughts = 3
	}
	usage := map[string]any{"promptTokenCount": in, "totalTokenCount": in + out + thoughts, "promptTokensDetails": []any{map[string]any{"modality": "TEXT", "tokenCount": in}}}
	if out > 0 {
		usage["candidatesTokenCount"] = out
	}
	if thoughts > 0 {
		usage["thoughtsTokenCount"] = thoughts
	}
	answer := map[string]any{"usageMetadata": usage, "modelVersion": q.model.ID, "responseId": "response-1"}
	if len(candidates) > 0 {
		answer["candidates"] = candidates
	}
	return answer
}

// candidates are the same words, as often as asked for.
func (q *googleQuestion) candidates(parts []map[string]any, finish string) []any {
	count := 1
	if q.GenerationConfig.CandidateCount != nil {
		count = *q.GenerationConfig.CandidateCount
	}
	list := []any{}
	for i := range count {
		candidate := map[string]any{"index": i}
		if len(parts) > 0 {
			candidate["content"] = map[string]any{"role": "model", "parts": parts}
		}
		if finish != "" {
			candidate["finishReason"] = finish
		}
		if finish == "SAFETY" {
			candidate["safetyRatings"] = []any{map[string]any{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": true}}
		}
		if q.GenerationConfig.ResponseLogprobs {
			candidate["logprobsResult"] = q.likelihoods(parts)
		}
		list = append(list, candidate)
	}
	return list
}

// likelihoods are those of each word; the runner-up is the word backwards.
func (q *googleQuestion) likelihoods(parts []map[string]any) map[string]any {
	chosen, top := []any{}, []any{}
	for _, part := range parts {
		token, _ := part["text"].(string)
		one := map[string]any{"token": token, "tokenId": len(token), "logProbability": -0.25}
		chosen = append(chosen, one)
		best := []any{one, map[string]any{"token": "?", "tokenId": 0, "logProbability": -2.5}}
		if n := q.GenerationConfig.Logprobs; n != nil {
			top = append(top, map[string]any{"candidates": best[:min(*n, 2)]})
		}
	}
	result := map[string]any{"chosenCandidates": chosen}
	if len(top) > 0 {
		result["topCandidates"] = top
	}
	return result
}

func (q *googleQuestion) blocked() map[string]any {
	if !slices.Contains(q.words(), "REFUSE") {
		return nil
	}
	answer := q.response(nil, 0)
	answer["promptFeedback"] = map[string]any{"blockReason": "SAFETY", "safetyRatings": []any{map[string]any{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": true}}}
	return answer
}

func (q *googleQuestion) whole(w http.ResponseWriter, r *http.Request) {
	if blocked := q.blocked(); blocked != nil {
		answer(w, blocked)
		return
	}
	reply := q.reply()
	if reply.halt == "HANG" {
		<-r.Context().Done()
		return
	}
	if reply.halt != "" {
		googleFault(w, http.StatusInternalServerError)
		return
	}
	parts := reply.parts
	if !q.GenerationConfig.ResponseLogprobs { // words come as one text
		parts = joined(parts)
	}
	answer(w, q.response(q.candidates(parts, reply.finish), reply.out))
}

func joined(parts []map[string]any) []map[string]any {
	var all []map[string]any
	for _, part := range parts {
		text, isText := part["text"].(string)
		if last := len(all) - 1; last >= 0 && isText && part["thought"] == nil && all[last]["thought"] == nil && all[last]["text"] != nil {
			all[last]["text"] = all[last]["text"].(string) + text
			continue
		}
		all = append(all, part)
	}
	return all
}

// stream sends events, or, where nobody says alt=sse, a list of JSON.
func (q *googleQuestion) stream(w http.ResponseWriter, r *http.Request) {
	sse, first := r.URL.Query().Get("alt") == "sse", true
	w.Header().Set("Content-Type", "application/json")
	if sse {
		w.Header().Set("Content-Type", "text/event-stream")
	}
	send := func(v any) {
		text, _ := json.Marshal(v)
		switch {
		case sse:
			fmt.Fprintf(w, "data: %s\r\n\r\n", text)
		case first:
			fmt.Fprintf(w, "[%s", text)
		default:
			fmt.Fprintf(w, ",\r\n%s", text)
		}
		first = false
		http.NewResponseController(w).Flush()
	}
	if blocked := q.blocked(); blocked != nil {
		send(blocked)
	} else {
		q.pieces(r, send)
	}
	if !sse {
		fmt.Fprint(w, "]")
	}
}

func (q *googleQuestion) pieces(r *http.Request, send func(any)) {
	reply := q.reply()
	for i, part := range reply.parts {
		finish := ""
		if i == len(reply.parts)-1 && reply.halt == "" {
			finish = reply.finish
		}
		send(q.response(q.candidates([]map[string]any{part}, finish), i+1))
	}
	switch {
	case reply.halt == "HANG":
		<-r.Context().Done()
	case reply.halt == "CUT":
		panic(http.ErrAbortHandler)
	case reply.halt == "OVERLOAD":
		send(googleError(http.StatusServiceUnavailable, "UNAVAILABLE", "The model is overloaded. Please try again later."))
	case len(reply.parts) == 0:
		send(q.response(q.candidates(nil, reply.finish), 0))
	}
}

func (q *googleQuestion) count(w http.ResponseWriter, _ *http.Request) {
	if q.GenerateContentRequest != nil {
		q.Contents, q.SystemInstruction = q.GenerateContentRequest.Contents, q.GenerateContentRequest.SystemInstruction
	}
	usage := q.response(nil, 0)["usageMetadata"].(map[string]any)
	answer(w, map[string]any{"totalTokens": usage["promptTokenCount"], "promptTokensDetails": usage["promptTokensDetails"]})
}

func (q *googleQuestion) embed(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"embedding": q.googleEmbed.vector()})
}

func (q *googleQuestion) embedBatch(w http.ResponseWriter, _ *http.Request) {
	all := []any{}
	for _, e := range q.Requests {
		all = append(all, e.vector())
	}
	answer(w, map[string]any{"embeddings": all})
}

// vector begins with the length of the text.
func (e googleEmbed) vector() map[string]any {
	size, length := 3072, 0
	if e.OutputDimensionality != nil {
		size = *e.OutputDimensionality
	}
	for _, p := range e.Content.Parts {
		length += len(p.Text)
	}
	values := make([]json.Number, size)
	for i := range values {
		values[i] = "0.5"
	}
	values[0] = json.Number(strconv.Itoa(length))
	return map[string]any{"values": values}
}
