package runs

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk/openai"
)

// The strategies of truncation.
const (
	truncateAuto     = "auto"
	truncateLast     = "last_messages"
	truncateDisabled = "disabled"
)

const (
	turnsKept    = 1    // the last one, which is answered
	perMessage   = 8    // tokens that a chat template puts around a message: no template of llama.cpp's takes more
	perImage     = 1024 // tokens; engines differ, and say no where it is more
	lettersToken = 4    // letters of a token, where the engine does not count: OpenAI's rule of thumb for English
	maxRefusals  = 6    // how often a thread is cut again after an engine's refusal
)

// cut tells in the run that so many of the oldest messages were left out.
func (w *work) cut(messages int) {
	if w.run.Truncated == nil {
		w.run.Truncated = &conversation.Truncated{Strategy: w.run.TruncationStrategy.Type, ContextLength: w.model.Context}
	}
	told := *w.run.Truncated // what events hold does not change
	told.Messages += messages
	w.run.Truncated = &told
}

// budget is how many tokens of a prompt the model takes, beside its answer; 0 where
// that is not known, or where nothing may be cut.
func (w *work) budget() int {
	budget := 0
	if context := w.model.Context; context > 0 && w.run.TruncationStrategy.Type != truncateDisabled {
		answer := context / 4
		if m := w.run.MaxCompletionTokens; m != nil {
			answer = min(*m, context/2)
		}
		budget = context - answer
	}
	if m := w.run.MaxPromptTokens; m != nil && (budget == 0 || *m < budget) {
		budget = *m
	}
	return budget
}

// fit leaves out the oldest turns that do not fit.
func (w *work) fit(ctx context.Context, p *prompt) error {
	budget := w.budget()
	if budget == 0 || p.bytes() <= budget { // a token is a byte at least
		return nil
	}
	w.count(ctx, p)
	if w.run.TruncationStrategy.Type != truncateDisabled {
		w.shrink(p, budget)
	}
	if m := w.run.MaxPromptTokens; m != nil && p.tokens() > *m {
		return errPrompt
	}
	return nil
}

// errPrompt ends a run as incomplete: what it answers is longer than max_prompt_tokens.
var errPrompt = errors.New("the prompt is longer than max_prompt_tokens")

// shrink leaves out the oldest turns until the prompt is within the budget, or only the
// last one is left.
func (w *work) shrink(p *prompt, budget int) {
	for p.tokens() > budget && len(p.turns) > turnsKept {
		w.drop(p)
	}
}

// drop leaves out the oldest turn.
func (w *work) drop(p *prompt) {
	w.cut(len(p.turns[0]))
	p.turns = p.turns[1:]
	told := *w.run.Truncated
	told.FirstID, told.Estimated = p.turns[0][0].id, w.estimated
	w.run.Truncated = &told
}

// count counts the tokens of each entry, or estimates them.
func (w *work) count(ctx context.Context, p *prompt) {
	var all []*entry
	var texts []string
	for _, t := range append([]turn{p.head}, p.turns...) {
		for i := range t {
			all, texts = append(all, &t[i]), append(texts, t[i].text())
		}
	}
	counts, err := w.runner.c.Bridge.Count(ctx, w.run.Model, texts)
	w.estimated = err != nil || len(counts) != len(texts)
	for i, e := range all {
		if w.estimated {
			e.tokens = utf8.RuneCountInString(texts[i])/lettersToken + perMessage
		} else {
			e.tokens = counts[i] + perMessage
		}
		e.tokens += e.images() * perImage
	}
}

// text is what of an entry is counted as text.
func (e *entry) text() string {
	switch content := e.message["content"].(type) {
	case string:
		return content
	case nil:
		text, _ := json.Marshal(e.message["tool_calls"])
		return string(text)
	case []map[string]any:
		text := ""
		for _, part := range content {
			if said, ok := part["text"].(string); ok {
				text += said + "\n"
			}
		}
		return text
	}
	return ""
}

// images counts those of an entry.
func (e *entry) images() (n int) {
	parts, _ := e.message["content"].([]map[string]any)
	for _, part := range parts {
		if part["type"] == "image_url" {
			n++
		}
	}
	return n
}

func (p *prompt) sum(of func(*entry) int) (sum int) {
	for _, t := range append([]turn{p.head}, p.turns...) {
		for i := range t {
			sum += of(&t[i])
		}
	}
	return sum
}

func (p *prompt) tokens() int { return p.sum(func(e *entry) int { return e.tokens }) }

// bytes is what the prompt cannot have more tokens than.
func (p *prompt) bytes() int {
	return p.sum(func(e *entry) int { return len(e.text()) + perMessage + e.images()*perImage })
}

// tooLong is the code of a refusal for length, of OpenAI and of our engines.
const tooLong = "context_length_exceeded"

// lengths find in such a refusal what there is room for, and what was sent. Services
// that have a code of their own, or none, are known by their words: llama.cpp's server
// is the second.
var lengths = []*regexp.Regexp{
	regexp.MustCompile(`maximum context length (?:is|of) (\d+) tokens\D+(\d+) tokens`),
	regexp.MustCompile(`(?:\((\d+) tokens\) )?exceeds the available context size \((\d+) tokens\)`),
	regexp.MustCompile(`maximum context length|available context size`),
}

// refusedForLength says whether an engine refused a prompt for its length, and how much
// of it there is room for, as a fraction.
func refusedForLength(err error) (fraction float64, ok bool) {
	var refusal *openai.Error
	if !errors.As(err, &refusal) {
		return 0, false
	}
	for _, form := range lengths {
		found := form.FindStringSubmatch(refusal.Message)
		if found == nil {
			continue
		}
		if len(found) == 3 {
			a, _ := strconv.ParseFloat(found[1], 64)
			b, _ := strconv.ParseFloat(found[2], 64)
			if room, sent := min(a, b), max(a, b); room > 0 {
				return room / sent, true
			}
		}
		return lessAtRefusal, true
	}
	return lessAtRefusal, refusal.Code == tooLong
}

// lessAtRefusal is how much of a prompt is tried next where the engine does not say how
// much it is too long.
const lessAtRefusal = 0.75

// shorten leaves out more of a prompt that an engine refused: false where nothing is
// left to be left out.
func (w *work) shorten(ctx context.Context, p *prompt, fraction float64) bool {
	if len(p.turns) <= turnsKept || w.run.TruncationStrategy.Type == truncateDisabled {
		return false
	}
	if p.tokens() == 0 {
		w.count(ctx, p)
	}
	budget := int(float64(p.tokens()) * min(fraction, 1) * 0.9) // room for an answer
	w.drop(p)
	w.shrink(p, budget)
	return true
}
