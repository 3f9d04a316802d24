package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genai"
)

// googleAnswer makes an answer in OpenAI's form of the events of Google's: streamed,
// each becomes a chunk; else they add up to one answer. There may be several
// candidates, which are OpenAI's choices.
type googleAnswer struct {
	*completion
	upstream *upstream
	one      bool // tool at a time, at the most
	logprobs bool

	choices []*googleChoice
	blocked string
	used    *genai.GenerateContentResponseUsageMetadata
}

type googleChoice struct {
	finish genai.FinishReason
	calls  int
	said   bool // something
	opened bool // in a stream

	content, reasoning []byte // of a whole answer
	toolCalls, images  []any
	tokens             []any // with their likelihoods
}

// maxChoices is how many candidates there can be.
const maxChoices = 16

func newGoogleAnswer(w http.ResponseWriter, u *upstream, c *googleChat) *googleAnswer {
	return &googleAnswer{completion: newCompletion(w, u, &c.chat), upstream: u, logprobs: c.more.Logprobs, one: c.ParallelToolCalls != nil && !*c.ParallelToolCalls}
}

// take is one event.
func (a *googleAnswer) take(event *genai.GenerateContentResponse) error {
	if len(a.choices) == 0 && ids.MatchString(event.ResponseID) {
		a.named(event.ResponseID)
		a.w.Header().Set("X-Upstream-Request-Id", event.ResponseID)
	}
	if event.UsageMetadata != nil {
		a.used = event.UsageMetadata
	}
	if f := event.PromptFeedback; f != nil && f.BlockReason != "" {
		a.blocked = a.upstream.tidy(string(f.BlockReason))
	}
	for _, candidate := range event.Candidates {
		if candidate == nil || candidate.Index < 0 || candidate.Index >= maxChoices {
			continue
		}
		for int(candidate.Index) >= len(a.choices) {
			a.choices = append(a.choices, &googleChoice{})
		}
		if err := a.add(int(candidate.Index), candidate); err != nil {
			return err
		}
	}
	return nil
}

// add is what an event says of one candidate.
func (a *googleAnswer) add(index int, candidate *genai.Candidate) error {
	choice, delta := a.choices[index], map[string]any{}
	if candidate.FinishReason != "" && candidate.FinishReason != genai.FinishReasonUnspecified {
		choice.finish = candidate.FinishReason
	}
	if candidate.Content != nil {
		texts := map[string][]byte{}
		for _, p := range candidate.Content.Parts {
			if err := a.part(choice, delta, texts, p); err != nil {
				return err
			}
		}
		for name, text := range texts {
			delta[name] = string(text)
		}
	}
	likelihoods := googleTokens(candidate.LogprobsResult)
	if err := a.grow(likelihoodSize * len(likelihoods)); err != nil {
		return err
	}
	choice.said = choice.said || len(delta) > 0
	if a.stream {
		if len(delta) == 0 && len(likelihoods) == 0 {
			return nil
		}
		return a.send(a.chunked(index, delta, likelihoods))
	}
	choice.keep(delta, likelihoods)
	return nil
}

// likelihoodSize is about what one takes in memory, in bytes.
const likelihoodSize = 512

// part puts one into a delta, and its text into texts.
func (a *googleAnswer) part(choice *googleChoice, delta map[string]any, texts map[string][]byte, p *genai.Part) error {
	switch {
	case p == nil:
		return nil
	case p.FunctionCall != nil:
		if a.one && choice.calls > 0 {
			return nil
		}
		if choice.calls >= maxCalls {
			return tooManyCalls()
		}
		call := a.called(choice.calls, p)
		choice.calls++
		list, _ := delta["tool_calls"].([]any)
		delta["tool_calls"] = append(list, call)
		return a.grow(len(p.ThoughtSignature) + len(p.FunctionCall.Name) + len(call["function"].(functionCall).Arguments))
	case p.InlineData != nil && len(p.InlineData.Data) > 0: // of models that draw, as other services have it
		address := "data:" + p.InlineData.MIMEType + ";base64," + base64.StdEncoding.EncodeToString(p.InlineData.Data)
		list, _ := delta["images"].([]any)
		delta["images"] = append(list, map[string]any{"type": "image_url", "image_url": map[string]any{"url": address}})
		return a.grow(len(address))
	case p.Text != "":
		name := "content"
		if p.Thought {
			name = "reasoning_content"
		}
		texts[name] = append(texts[name], p.Text...)
		return a.grow(len(p.Text))
	}
	return nil
}

// called is a call in OpenAI's form.
func (a *googleAnswer) called(index int, p *genai.Part) map[string]any {
	arguments := "{}"
	if len(p.FunctionCall.Args) > 0 {
		arguments = plain(p.FunctionCall.Args)
	}
	id := callID(p.FunctionCall.ID)
	call := map[string]any{"index": index, "id": id, "type": "function", "function": functionCall{Name: p.FunctionCall.Name, Arguments: arguments}}
	if len(p.ThoughtSignature) > 0 {
		signatures.keep(id, p.ThoughtSignature)
		call["extra_content"] = map[string]any{"google": map[string]string{"thought_signature": base64.StdEncoding.EncodeToString(p.ThoughtSignature)}}
	}
	return call
}

// plain is JSON without the escapes that pages of the web need.
func plain(v any) string {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // of what came from JSON: it cannot fail
	return strings.TrimSuffix(text.String(), "\n")
}

// chunked is the one choice of a chunk. The first of each says who speaks.
func (a *googleAnswer) chunked(index int, delta map[string]any, likelihoods []any) []any {
	choice := a.choices[index]
	if !choice.opened {
		choice.opened = true
		delta["role"] = "assistant"
		if delta["content"] == nil {
			delta["content"] = ""
		}
	}
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", "text/event-stream")
	}
	one := map[string]any{"index": index, "delta": delta, "finish_reason": nil}
	if len(likelihoods) > 0 {
		one["logprobs"] = map[string]any{"content": likelihoods, "refusal": nil}
	}
	return []any{one}
}

// keep is for a whole answer.
func (c *googleChoice) keep(delta map[string]any, likelihoods []any) {
	text, _ := delta["content"].(string)
	thought, _ := delta["reasoning_content"].(string)
	c.content, c.reasoning = append(c.content, text...), append(c.reasoning, thought...)
	calls, _ := delta["tool_calls"].([]any)
	for _, call := range calls {
		delete(call.(map[string]any), "index") // which only chunks have
	}
	images, _ := delta["images"].([]any)
	c.toolCalls, c.images, c.tokens = append(c.toolCalls, calls...), append(c.images, images...), append(c.tokens, likelihoods...)
}

// end is after the last event. An answer that does not say why it ended has none.
func (a *googleAnswer) end() error {
	if len(a.choices) == 0 && a.blocked != "" {
		return a.refused()
	}
	if len(a.choices) == 0 || slices.ContainsFunc(a.choices, func(c *googleChoice) bool { return c.finish == "" }) {
		return failed(http.StatusBadGateway, "upstream_broken", "%s broke off in the middle of its answer; ask again", a.upstream.row.name)
	}
	var all []any
	for i, choice := range a.choices {
		reason, known := googleReasons[choice.finish]
		if !known && !choice.said {
			return failed(http.StatusBadGateway, "upstream_broken", "%s ended without an answer, and gives as its reason %s; ask again", a.upstream.row.name, a.upstream.tidy(string(choice.finish)))
		}
		if !known {
			reason = "stop"
		}
		if choice.calls > 0 && reason == "stop" {
			reason = "tool_calls"
		}
		if a.stream {
			one := a.chunked(i, map[string]any{}, nil)
			one[0].(map[string]any)["finish_reason"] = reason
			all = append(all, one...)
			continue
		}
		all = append(all, map[string]any{"index": i, "message": choice.message(), "logprobs": choice.likelihoods(a.logprobs), "finish_reason": reason})
	}
	return a.close(all)
}

// googleReasons are the ends of an answer; what is not among them is a fault of
// the model or of the service.
var googleReasons = map[genai.FinishReason]string{
	genai.FinishReasonStop: "stop", genai.FinishReasonMaxTokens: "length", genai.FinishReasonContinuation: "length",
	genai.FinishReasonSafety: "content_filter", genai.FinishReasonRecitation: "content_filter", genai.FinishReasonBlocklist: "content_filter",
	genai.FinishReasonProhibitedContent: "content_filter", genai.FinishReasonSPII: "content_filter", genai.FinishReasonImageSafety: "content_filter",
	genai.FinishReasonImageProhibitedContent: "content_filter", genai.FinishReasonImageRecitation: "content_filter",
}

// refused is the answer to what was not even read.
func (a *googleAnswer) refused() error {
	why := a.upstream.row.name + " does not answer this, and gives as its reason " + a.blocked
	if a.stream {
		a.choices = []*googleChoice{{}}
		if err := a.send(a.chunked(0, map[string]any{"refusal": why}, nil)); err != nil {
			return err
		}
		return a.close([]any{map[string]any{"index": 0, "delta": map[string]any{}, "finish_reason": "content_filter"}})
	}
	said := map[string]any{"role": "assistant", "content": nil, "refusal": why}
	return a.close([]any{map[string]any{"index": 0, "message": said, "logprobs": nil, "finish_reason": "content_filter"}})
}

// close writes the whole answer, or the end of a stream.
func (a *googleAnswer) close(choices []any) error {
	told := a.usage().told()
	if !a.stream {
		a.w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(a.w).Encode(map[string]any{"id": a.id, "object": "chat.completion", "created": a.created, "model": a.model, "choices": choices, "usage": told})
	}
	for i := range choices {
		if err := a.send(choices[i : i+1]); err != nil {
			return err
		}
	}
	start := ": " // a comment: clients pass over it, and the core counts
	if a.tell {
		start = "data: "
	}
	_, err := fmt.Fprintf(a.w, "%s%s\n\ndata: [DONE]\n\n", start, encode(a.chunk([]any{}, told)))
	return err
}

func (c *googleChoice) message() map[string]any {
	said := map[string]any{"role": "assistant", "content": nil, "refusal": nil}
	if len(c.content) > 0 || len(c.toolCalls) == 0 {
		said["content"] = string(c.content)
	}
	if len(c.reasoning) > 0 {
		said["reasoning_content"] = string(c.reasoning)
	}
	if len(c.toolCalls) > 0 {
		said["tool_calls"] = c.toolCalls
	}
	if len(c.images) > 0 {
		said["images"] = c.images
	}
	return said
}

func (c *googleChoice) likelihoods(wanted bool) any {
	if !wanted || len(c.tokens) == 0 {
		return nil
	}
	return map[string]any{"content": c.tokens, "refusal": nil}
}

// googleTokens are likelihoods in OpenAI's form.
func googleTokens(result *genai.LogprobsResult) []any {
	if result == nil {
		return nil
	}
	var all []any
	for i, chosen := range result.ChosenCandidates {
		if chosen == nil {
			continue
		}
		top := []any{}
		if i < len(result.TopCandidates) && result.TopCandidates[i] != nil {
			for _, other := range result.TopCandidates[i].Candidates {
				if other != nil {
					top = append(top, googleToken(other))
				}
			}
		}
		one := googleToken(chosen)
		one["top_logprobs"] = top
		all = append(all, one)
	}
	return all
}

func googleToken(c *genai.LogprobsResultCandidate) map[string]any {
	bytes := []int{}
	for _, b := range []byte(c.Token) {
		bytes = append(bytes, int(b))
	}
	return map[string]any{"token": c.Token, "logprob": c.LogProbability, "bytes": bytes}
}

// usage is what the answer took: thoughts are paid for as what is said.
func (a *googleAnswer) usage() spent {
	used := a.used
	if used == nil {
		return spent{}
	}
	positive := func(n int32) int64 { return int64(max(0, n)) }
	s := spent{prompt: positive(used.PromptTokenCount) + positive(used.ToolUsePromptTokenCount), completion: positive(used.CandidatesTokenCount) + positive(used.ThoughtsTokenCount)}
	if cached := positive(used.CachedContentTokenCount); cached > 0 {
		s.cached = &cached
	}
	if thought := positive(used.ThoughtsTokenCount); thought > 0 {
		s.reasoning = &thought
	}
	return s
}
