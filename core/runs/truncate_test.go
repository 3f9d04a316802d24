package runs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/runs"
)

// talk is a thread of so many turns, of twenty words each, and a last question.
func (b *bay) talk(turns int) *conversation.Thread {
	return b.thread(append(short(turns), "the last question")...)
}

// shown are the first words of what the model was shown.
func shown(asked gjson.Result) string {
	var words []string
	for _, m := range asked.Get("messages").Array() {
		words = append(words, strings.Fields(m.Get("content").Str)[0])
	}
	return strings.Join(words, " ")
}

func TestTruncation(t *testing.T) {
	const auto, disabled, lastThree = `"auto"}`, `"disabled"}`, `"last_messages", "last_messages": 3}`
	tests := map[string]struct {
		context int    // that the model is known to have; 0: unknown
		takes   int    // words that the engine takes; 0: any number
		counts  bool   // it counts
		said    string // by the engine, in the place of OpenAI's words
		body    string
		shown   string
		left    int // messages that were left out
		asked   int // times
		fails   string
	}{
		"it fits":                        {context: 4000, body: auto, shown: "sys q0 a0 q1 a1 q2 a2 q3 a3 the", asked: 1},
		"the oldest turns go":            {context: 200, counts: true, body: auto, shown: "sys q1 a1 q2 a2 q3 a3 the", left: 2, asked: 1},
		"by estimation":                  {context: 200, body: auto, shown: "sys q1 a1 q2 a2 q3 a3 the", left: 2, asked: 1},
		"room for a long answer":         {context: 400, counts: true, body: auto + `, "max_completion_tokens": 300`, shown: "sys q0 a0 q1 a1 q2 a2 q3 a3 the", asked: 1},
		"and a longer one":               {context: 200, counts: true, body: auto + `, "max_completion_tokens": 300`, shown: "sys q2 a2 q3 a3 the", left: 4, asked: 1},
		"the engine knows better":        {takes: 60, body: auto, shown: "sys q2 a2 q3 a3 the", left: 4, asked: 2},
		"as llama.cpp says it":           {takes: 60, said: "request (%[2]d tokens) exceeds the available context size (%[1]d tokens), try increasing it", body: auto, shown: "sys q2 a2 q3 a3 the", left: 4, asked: 2},
		"without a number":               {takes: 60, said: "too many tokens%.0[1]d%.0[2]d", body: auto, shown: "sys q2 a2 q3 a3 the", left: 4, asked: 2},
		"nothing is left to be left out": {takes: 2, body: auto, shown: "sys the", left: 8, asked: 2, fails: "maximum context length is 2"},
		"not to be cut":                  {takes: 60, body: disabled, shown: "sys q0 a0 q1 a1 q2 a2 q3 a3 the", asked: 1, fails: "maximum context length is 60"},
		"the last three":                 {body: lastThree, shown: "sys q3 a3 the", left: 6, asked: 1},
		"more than there are":            {body: `"last_messages", "last_messages": 30}`, shown: "sys q0 a0 q1 a1 q2 a2 q3 a3 the", asked: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBay(t)
			b.engine.context, b.engine.said, b.bridge.counts = test.takes, test.said, test.counts
			b.bridge.models["echo"] = runs.Model{Context: test.context}
			thread := b.talk(4)
			run := b.run(thread.ID, `{"model": "echo", "instructions": "sys", "truncation_strategy": {"type": `+test.body+`}`)
			asked := b.engine.requests()
			same(t, "shown", shown(asked[len(asked)-1]), test.shown)
			same(t, "asked", len(asked), test.asked)
			checkTruncated(t, run, b.messages(thread.ID), test.left)
			if test.fails == "" {
				same(t, "status", run.Status, "completed")
			} else if run.Status != "failed" || run.LastError.Code != "invalid_prompt" || !strings.Contains(run.LastError.Message, test.fails) {
				t.Errorf("%s, %+v", run.Status, run.LastError)
			}
		})
	}
}

func checkTruncated(t *testing.T, run *conversation.Run, messages []*conversation.Message, left int) {
	t.Helper()
	switch {
	case left == 0 && run.Truncated == nil:
	case left == 0 || run.Truncated == nil:
		t.Errorf("%+v", run.Truncated)
	default:
		same(t, "left out", run.Truncated.Messages, left)
		same(t, "the first one", run.Truncated.FirstID, messages[left].ID)
	}
}

func TestMaxPromptTokens(t *testing.T) {
	b := newBay(t)
	b.bridge.counts = true
	long := b.thread(strings.Repeat("word ", 300))
	run := b.run(long.ID, `{"model": "echo", "max_prompt_tokens": 256}`)
	if run.Status != "incomplete" || run.IncompleteDetails.Reason != "max_prompt_tokens" {
		t.Errorf("%+v", run)
	}
	run = b.run(b.talk(20).ID, `{"model": "echo", "max_prompt_tokens": 256, "truncation_strategy": {"type": "disabled"}}`)
	if run.Status != "failed" || run.LastError.Code != "invalid_prompt" {
		t.Errorf("%+v", run)
	}
	run = b.run(b.talk(20).ID, `{"model": "echo", "max_prompt_tokens": 256}`)
	if run.Status != "completed" || run.Truncated.Messages != 28 {
		t.Errorf("%+v", run.Truncated)
	}
}

func TestSystemMessagesOfImportedThreads(t *testing.T) {
	b := newBay(t)
	b.bridge.models["echo"] = runs.Model{Context: 40}
	thread := &conversation.Thread{}
	if err := b.store.CreateThread(t.Context(), anyone, thread, message("system", "imported"), message("user", strings.Repeat("word ", 60)), message("assistant", "yes"), message("user", "and")); err != nil {
		t.Fatal(err)
	}
	run := b.run(thread.ID, `{"model": "echo"}`)
	same(t, "shown", shown(b.engine.requests()[0]), "imported and")
	same(t, "left out", run.Truncated.Messages, 2)
}

// TestThreadThatIsTooLargeToBeRead: images have no end, and memory has one. What lies
// beyond it is cut as what does not fit.
func TestThreadThatIsTooLargeToBeRead(t *testing.T) {
	b := newBay(t, func(c *runs.Config) { c.Reach = 64 << 10 })
	image := "data:image/png;base64," + strings.Repeat("A", 20<<10)
	messages := []*conversation.Message{message("user", "first"), message("assistant", "yes")}
	for range 4 {
		m := message("user", "see")
		m.Content = append(m.Content, conversation.Part{Type: "image_url", ImageURL: &conversation.ImageURL{URL: image}})
		messages = append(messages, m)
	}
	thread := &conversation.Thread{}
	if err := b.store.CreateThread(t.Context(), anyone, thread, append(messages, message("user", "last"))...); err != nil {
		t.Fatal(err)
	}
	run := b.run(thread.ID, `{"model": "echo", "truncation_strategy": {"type": "disabled"}}`)
	if run.Status != "failed" || run.LastError.Code != "invalid_prompt" || len(b.engine.requests()) > 0 {
		t.Errorf("%s, %+v", run.Status, run.LastError)
	}
	run = b.run(thread.ID, `{"model": "echo"}`)
	same(t, "status", run.Status, "completed")
	same(t, "shown", len(b.engine.requests()[0].Get("messages").Array()), 4)
	same(t, "left out", run.Truncated.Messages, 3)
}

// TestLongThreads: of a thread that is far longer than the context no more is read than
// may be shown, and what was left out is counted all the same.
func TestLongThreads(t *testing.T) {
	large := strings.Repeat("large ", 200_000)
	tests := map[string]struct {
		context int
		body    string
		begins  []*conversation.Message
		turns   []string // of user and assistant, by turns, before the last question
		shown   string
		left    int
		fails   string
	}{
		"many messages":                {context: 200, body: `"auto"}`, turns: short(400), shown: "sys q397 a397 q398 a398 q399 a399 the", left: 794},
		"instructions at the begin":    {context: 200, body: `"auto"}`, begins: []*conversation.Message{message("system", "stay")}, turns: short(400), shown: "sys stay q397 a397 q398 a398 q399 a399 the", left: 794},
		"the last three":               {body: `"last_messages", "last_messages": 3}`, turns: short(400), shown: "sys q399 a399 the", left: 798},
		"not to be cut":                {body: `"disabled"}, "max_prompt_tokens": 256`, turns: short(400), fails: "its truncation_strategy is disabled"},
		"large, of unknown context":    {body: `"auto"}`, turns: []string{large, large, large, large, large, "yes"}, shown: "sys large large large yes the", left: 2},
		"an answer without a question": {body: `"auto"}`, turns: []string{large, large, "q", large, "q", large}, shown: "sys q large q large the", left: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBay(t)
			b.bridge.models["echo"] = runs.Model{Context: test.context}
			all := test.begins
			for i, text := range append(test.turns, "the last question") {
				all = append(all, message([]string{"user", "assistant"}[i%2], text))
			}
			thread := &conversation.Thread{}
			if err := b.store.CreateThread(t.Context(), anyone, thread, all...); err != nil {
				t.Fatal(err)
			}
			run := b.run(thread.ID, `{"model": "echo", "instructions": "sys", "truncation_strategy": {"type": `+test.body+`}`)
			if test.fails != "" {
				if run.Status != "failed" || run.LastError.Code != "invalid_prompt" || !strings.Contains(run.LastError.Message, test.fails) {
					t.Errorf("%s, %+v", run.Status, run.LastError)
				}
				return
			}
			same(t, "status", run.Status, "completed")
			same(t, "shown", shown(b.engine.requests()[0]), test.shown)
			checkTruncated(t, run, b.messages(thread.ID)[len(test.begins):], test.left)
		})
	}
}

// short are the messages of so many turns, of ten words each.
func short(turns int) (texts []string) {
	for i := range turns {
		texts = append(texts, fmt.Sprintf("q%d%s", i, strings.Repeat(" word", 9)), fmt.Sprintf("a%d%s", i, strings.Repeat(" word", 9)))
	}
	return texts
}
