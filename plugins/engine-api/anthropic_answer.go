package main

import (
	"net/http"

	"github.com/anthropics/anthropic-sdk-go"
)

// claudeAnswer makes a completion of the events of a message.
type claudeAnswer struct {
	*completion
	upstream *upstream

	block   string // the kind of the block that is open
	stop    anthropic.StopReason
	why     string // of a refusal
	spent   anthropic.MessageDeltaUsage
	started bool
	ended   bool
}

// take is one event. Nothing goes out before the model has said something: a service
// that is overloaded says so then, and another one can be asked. Kinds that it does not know are of the future, and say nothing
// that a chat has a place for.
func (a *claudeAnswer) take(event anthropic.MessageStreamEventUnion) error {
	switch event.Type {
	case "message_start":
		a.started = true
		a.named(event.Message.ID)
		used := event.Message.Usage
		a.spent = anthropic.MessageDeltaUsage{InputTokens: used.InputTokens, OutputTokens: used.OutputTokens,
			CacheReadInputTokens: used.CacheReadInputTokens, CacheCreationInputTokens: used.CacheCreationInputTokens, OutputTokensDetails: used.OutputTokensDetails}
	case "content_block_start":
		return a.open(event.ContentBlock)
	case "content_block_delta":
		return a.more(event.Delta)
	case "message_delta":
		a.stop, a.why = event.Delta.StopReason, event.Delta.StopDetails.Explanation
		a.count(event.Usage)
	case "message_stop":
		a.ended = true
	}
	return nil
}

func (a *claudeAnswer) open(block anthropic.ContentBlockStartEventContentBlockUnion) error {
	switch a.block = block.Type; block.Type {
	case "text":
		return a.say(block.Text)
	case "thinking":
		return a.think(block.Thinking)
	case "tool_use":
		return a.call(block.ID, block.Name)
	}
	return nil
}

// more is a piece of the open block. Arguments of tools that the service itself
// runs are not the client's.
func (a *claudeAnswer) more(delta anthropic.MessageStreamEventUnionDelta) error {
	switch delta.Type {
	case "text_delta":
		return a.say(delta.Text)
	case "thinking_delta":
		return a.think(delta.Thinking)
	case "input_json_delta":
		if a.block == "tool_use" {
			return a.argue(delta.PartialJSON)
		}
	}
	return nil
}

// count takes over the sums at the end; a gateway may leave out what it told at the
// beginning.
func (a *claudeAnswer) count(used anthropic.MessageDeltaUsage) {
	for to, n := range map[*int64]int64{&a.spent.InputTokens: used.InputTokens, &a.spent.OutputTokens: used.OutputTokens,
		&a.spent.CacheReadInputTokens: used.CacheReadInputTokens, &a.spent.CacheCreationInputTokens: used.CacheCreationInputTokens} {
		if n > 0 {
			*to = n
		}
	}
	if used.OutputTokensDetails.ThinkingTokens > 0 {
		a.spent.OutputTokensDetails = used.OutputTokensDetails
	}
}

// end is after the last event. Without its end, an answer is not one.
func (a *claudeAnswer) end() error {
	if !a.started || !a.ended || a.stop == "" {
		return failed(http.StatusBadGateway, "upstream_broken", "%s broke off in the middle of its answer; ask again", a.upstream.row.name)
	}
	if a.stop == anthropic.StopReasonRefusal {
		if a.why == "" {
			a.why = "The model declined to answer."
		}
		if err := a.refuse(a.upstream.tidy(a.why)); err != nil {
			return err
		}
	}
	return a.finish(claudeReason(a.stop), a.usage())
}

func (a *claudeAnswer) usage() spent {
	s := a.spent
	used := spent{prompt: s.InputTokens + s.CacheReadInputTokens + s.CacheCreationInputTokens, completion: s.OutputTokens,
		cached: &s.CacheReadInputTokens, written: &s.CacheCreationInputTokens}
	if thought := s.OutputTokensDetails.ThinkingTokens; thought > 0 {
		used.reasoning = &thought
	}
	return used
}

func claudeReason(stop anthropic.StopReason) string {
	switch stop {
	case anthropic.StopReasonMaxTokens, anthropic.StopReasonModelContextWindowExceeded:
		return "length"
	case anthropic.StopReasonToolUse:
		return "tool_calls"
	case anthropic.StopReasonRefusal:
		return "content_filter"
	}
	return "stop"
}
