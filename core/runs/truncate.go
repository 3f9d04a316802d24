package runs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
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
	turnsKept     = 1    // the last one, which is answered
	perMessage    = 8    // tokens that a chat template puts around a message: no template of llama.cpp's takes more
	perImage      = 1024 // tokens; engines differ, and say no where it is more
	lettersToken  = 4    // letters of a token, where the engine does not count: OpenAI's rule of thumb for English
	maxRefusals   = 6    // how often a thread is cut again after an engine's refusal
	countedAtOnce = 16   // turns
	roomForAnswer = 0.9  // of what an engine says that it takes
)

// cut tells in the run that so many of the oldest messages were left out, and which is
// the first that is left.
func (w *work) cut(messages int, first string) {
	told := conversation.Truncated{Strategy: w.run.TruncationStrategy.Type, ContextLength: w.model.Context}
	if w.run.Truncated != nil {
		told = *w.run.Truncated // what events hold does not change
	}
	told.Messages += messages
	told.FirstID, told.Estimated = first, w.estimated
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
	keep, tokens := w.newest(ctx, p, budget)
	if keep < len(p.turns) && w.run.TruncationStrategy.Type == truncateDisabled {
		return &openai.Error{Status: http.StatusBadRequest, Code: tooLong, Message: "The thread is longer than max_prompt_tokens, and its truncation_strategy is disabled"}
	}
	w.drop(p, len(p.turns)-keep)
	if m := w.run.MaxPromptTokens; m != nil && tokens > *m {
		return errPrompt
	}
	return nil
}

// newest is how many of the newest turns fit, and how many tokens they are with the
// instructions: one at least, which is answered. Older ones are not even counted, so that
// the work is bounded by the model's context and not by the thread.
func (w *work) newest(ctx context.Context, p *prompt, budget int) (keep, tokens int) {
	last := len(p.turns) - turnsKept
	if last < 0 {
		return 0, w.count(ctx, p.head)[0]
	}
	counts := w.count(ctx, p.head, p.turns[last])
	keep, tokens = turnsKept, counts[0]+counts[1]
	for last > 0 {
		from := max(0, last-countedAtOnce)
		counts := w.count(ctx, p.turns[from:last]...)
		for i := len(counts) - 1; i >= 0; i-- {
			if tokens+counts[i] > budget {
				return keep, tokens
			}
			keep, tokens = keep+1, tokens+counts[i]
		}
		last = from
	}
	return keep, tokens
}

// errPrompt ends a run as incomplete: what it answers is longer than max_prompt_tokens.
var errPrompt = errors.New("the prompt is longer than max_prompt_tokens")

// drop leaves out the oldest turns.
func (w *work) drop(p *prompt, turns int) {
	if turns == 0 {
		return
	}
	messages := 0
	for _, t := range p.turns[:turns] {
		messages += len(t)
	}
	p.turns = p.turns[turns:]
	w.cut(messages, p.turns[0][0].id)
}

// count counts the tokens of each turn. An engine that cannot once is not asked again.
func (w *work) count(ctx context.Context, turns ...turn) []int {
	var texts []string
	for _, t := range turns {
		for i := range t {
			texts = append(texts, t[i].text())
		}
	}
	var counts []int
	if !w.estimated {
		var err error
		counts, err = w.runner.c.Bridge.Count(ctx, w.run.Model, texts)
		w.estimated = err != nil || len(counts) != len(texts)
	}
	sums := make([]int, len(turns))
	for i, t := range turns {
		for j := range t {
			if w.estimated {
				sums[i] += t[j].estimate()
				continue
			}
			sums[i] += counts[0] + t[j].around()
			counts = counts[1:]
		}
	}
	return sums
}

// estimate is how many tokens an entry may have.
func (e *entry) estimate() int { return utf8.RuneCountInString(e.text())/lettersToken + e.around() }

// around is what an entry has beside its text.
func (e *entry) around() int { return perMessage + e.images()*perImage }

func (t turn) estimate() (sum int) {
	for i := range t {
		sum += t[i].estimate()
	}
	return sum
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

// bytes is what the prompt cannot have more tokens than.
func (p *prompt) bytes() (sum int) {
	for _, t := range append([]turn{p.head}, p.turns...) {
		for i := range t {
			sum += len(t[i].text()) + t[i].around()
		}
	}
	return sum
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
// left to be left out. How much is a matter of proportion, for which estimates do.
func (w *work) shorten(p *prompt, fraction float64) bool {
	if len(p.turns) <= turnsKept || w.run.TruncationStrategy.Type == truncateDisabled {
		return false
	}
	sum := turn(p.head).estimate()
	for _, t := range p.turns {
		sum += t.estimate()
	}
	budget := int(float64(sum) * fraction * roomForAnswer)
	turns := 0
	for turns < len(p.turns)-turnsKept && (turns == 0 || sum > budget) {
		sum -= p.turns[turns].estimate()
		turns++
	}
	w.estimated = true
	w.drop(p, turns)
	return true
}
