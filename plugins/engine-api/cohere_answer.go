package main

import (
	"net/http"

	"github.com/tidwall/gjson"
)

// cohereAnswer makes a completion of the events of a chat.
type cohereAnswer struct {
	*completion
	upstream  *upstream
	requestID string

	reason string
	spent  spent
}

// take is one event. Kinds that it does not know say nothing that a chat has a place
// for, such as citations.
func (a *cohereAnswer) take(event []byte) error {
	if !valid(event) {
		return a.upstream.nonsense()
	}
	get := func(path string) string { return gjson.GetBytes(event, path).Str }
	switch get("type") {
	case "message-start":
		a.named(get("id"))
	case "content-start", "content-delta":
		if err := a.think(get("delta.message.content.thinking")); err != nil {
			return err
		}
		return a.say(get("delta.message.content.text"))
	case "tool-plan-delta":
		return a.say(get("delta.message.tool_plan"))
	case "tool-call-start":
		if err := a.call(get("delta.message.tool_calls.id"), get("delta.message.tool_calls.function.name")); err != nil {
			return err
		}
		return a.argue(get("delta.message.tool_calls.function.arguments"))
	case "tool-call-delta":
		return a.argue(get("delta.message.tool_calls.function.arguments"))
	case "message-end":
		return a.last(event)
	}
	return nil
}

// last is the event that says how it ended.
func (a *cohereAnswer) last(event []byte) error {
	delta := gjson.GetBytes(event, "delta")
	reason, known := map[string]string{"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls", "ERROR_TOXIC": "content_filter"}[delta.Get("finish_reason").Str]
	if !known {
		f := failed(http.StatusBadGateway, "upstream_broken", "%s could not finish its answer", a.upstream.row.name)
		if delta.Get("finish_reason").Str == "TIMEOUT" {
			f.Status, f.Code = http.StatusGatewayTimeout, "upstream_timeout"
		}
		if why := a.upstream.tidy(delta.Get("error").Str); why != "" {
			f.Message += ": " + why
		}
		f.RequestID = a.requestID
		return f
	}
	a.reason = reason
	used := delta.Get("usage.tokens")
	if !used.Exists() {
		used = delta.Get("usage.billed_units")
	}
	a.spent = spent{prompt: count(used.Get("input_tokens")), completion: count(used.Get("output_tokens"))}
	if cached := delta.Get("usage.cached_tokens"); cached.Type == gjson.Number {
		n := count(cached)
		a.spent.cached = &n
	}
	return nil
}

// count is a number of tokens; the service writes them with a point.
func count(n gjson.Result) int64 { return max(0, int64(min(n.Num, 1e12))) }

// end is after the last event. Without its end, an answer is not one.
func (a *cohereAnswer) end() error {
	if a.reason == "" {
		return failed(http.StatusBadGateway, "upstream_broken", "%s broke off in the middle of its answer; ask again", a.upstream.row.name)
	}
	return a.finish(a.reason, a.spent)
}
