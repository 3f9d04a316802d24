package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// asked is what a model was asked, whatever its names for that.
type asked struct {
	prompt        string
	stream        bool
	limit         int
	stops         []string
	exclude       bool
	reason, count bool
}

func (m *model) asked(in map[string][]any) (asked, *fault) {
	text := func(name string) string { v, _ := first(in, name).(string); return v }
	flag := func(name string) bool { v, _ := first(in, name).(bool); return v }
	number := func(name string) int { v, _ := first(in, name).(float64); return int(v) }
	texts := func(name string) (all []string) {
		for _, v := range in[name] {
			s, _ := v.(string)
			all = append(all, s)
		}
		return all
	}
	a := asked{prompt: text("text_input"), stream: flag("stream"), reason: flag("return_finish_reason"), count: flag("return_num_output_tokens"), exclude: flag("exclude_input_in_output")}
	switch m.kind {
	case "ensemble":
		a.limit, a.stops = number("max_tokens"), texts("stop_words")
	case "llmapi":
		a.stream, a.limit, a.stops, a.exclude = flag("streaming"), number("sampling_param_max_tokens"), texts("sampling_param_stop"), flag("sampling_param_exclude_input_from_output")
	case "vllm":
		var p struct {
			Limit int      `json:"max_tokens"`
			Stop  []string `json:"stop"`
		}
		if packed := text("sampling_parameters"); packed != "" {
			if err := json.Unmarshal([]byte(packed), &p); err != nil {
				return a, &fault{500, "Error generating stream: sampling_parameters: " + err.Error()}
			}
		}
		a.limit, a.stops = p.Limit, p.Stop
	}
	if m.kind != "llmapi" && a.limit <= 0 {
		return a, &fault{500, "max_tokens must be a single value > 0"}
	}
	if a.stream && !m.decoupled {
		return a, &fault{500, "Streaming is only supported in decoupled mode."}
	}
	return a, nil
}

func first(in map[string][]any, name string) any {
	if len(in[name]) == 0 {
		return nil
	}
	return in[name][0]
}

// generate asks a model. The answers' tensors go to send; ctx ends when the client has left.
func (s *server) generate(ctx context.Context, m *model, in map[string][]any, send func(map[string][]any) error) error {
	if f := m.check(in); f != nil {
		return f
	}
	s.note(in)
	defer s.done(ctx)
	if m.kind == "embedding" {
		return send(map[string][]any{"embedding": vector(fmt.Sprint(first(in, "text")))})
	}
	a, f := m.asked(in)
	if f != nil {
		return f
	}
	tokens := strings.SplitAfter(a.prompt, " ")
	if len(tokens) > s.longest {
		return &fault{500, fmt.Sprintf("Prompt length (%d) exceeds maximum input length (%d). Set log level to info and check TRTGptModel logs for how maximum input length is set", len(tokens), s.longest)}
	}
	return s.say(ctx, m, a, tokens, send)
}

func (s *server) say(ctx context.Context, m *model, a asked, tokens []string, send func(map[string][]any) error) error {
	whole := ""
	if !a.exclude && (!a.stream || m.kind == "llmapi") {
		whole = a.prompt
	}
	said, reason := 0, "stop"
	for i, token := range tokens {
		if err := sleep(ctx, s.pause); err != nil {
			return err
		}
		whole += token
		said++
		last := i == len(tokens)-1
		if a.limit > 0 && said >= a.limit {
			last, reason = true, "length"
		}
		for _, stop := range a.stops { // the stop word itself is part of the answer
			if strings.Contains(whole, stop) {
				last, reason = true, "stop"
			}
		}
		if a.stream {
			piece := token
			if m.accumulate || m.kind == "llmapi" {
				piece = whole
			}
			if err := send(m.answer(a, piece, len(tokens), 1, finished(last, reason))); err != nil {
				return err
			}
		}
		if last {
			break
		}
	}
	if !a.stream {
		return send(m.answer(a, whole, len(tokens), said, reason))
	}
	return nil
}

func finished(last bool, reason string) string {
	if last {
		return reason
	}
	return "None"
}

func (m *model) answer(a asked, text string, prompt, said int, reason string) map[string][]any {
	out := map[string][]any{"text_output": {text}}
	if m.kind == "ensemble" {
		out["sequence_index"] = []any{float64(0)}
	}
	if a.reason {
		out["finish_reason"] = []any{reason}
	}
	if a.count {
		out["num_input_tokens"], out["num_output_tokens"] = []any{float64(prompt)}, []any{float64(said)}
	}
	return out
}

func vector(text string) []any {
	n := float64(len(text))
	return []any{n, 1.0, 0.5}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (s *server) note(in map[string][]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Running++
	s.seen.Inputs = map[string]any{}
	for name, values := range in {
		s.seen.Inputs[name] = values
	}
}

func (s *server) done(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Running--
	if ctx.Err() != nil {
		s.seen.Cancelled++
	}
}
