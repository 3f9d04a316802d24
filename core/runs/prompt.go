package runs

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
)

// A prompt is a thread as a model is asked with it.
type prompt struct {
	head  []entry // instructions: they are never cut
	turns []turn  // oldest first; the last is the one that is answered
}

// A turn is what a user said, with what came of it. It is cut as a whole: an answer
// without its question misleads a model.
type turn []entry

// An entry is one message of a chat completion.
type entry struct {
	id      string // of the message of the thread
	message map[string]any
}

// prompt is what of the thread of a run its model may be shown.
func (w *work) prompt(ctx context.Context) (*prompt, error) {
	r, err := w.read(ctx)
	if err != nil {
		return nil, err
	}
	p := &prompt{}
	if w.run.Instructions != "" {
		p.head = append(p.head, entry{message: map[string]any{"role": "system", "content": w.run.Instructions}})
	}
	p.head = append(p.head, r.head...)
	for _, e := range slices.Backward(r.entries) {
		p.put(e)
	}
	w.addSteps(p, r.own)
	return p, nil
}

// wrote says whether a message is the run's own.
func (w *work) wrote(m *conversation.Message) bool { return m.RunID != nil && *m.RunID == w.run.ID }

// maxIgnored bounds what is told of a thread with many files.
const maxIgnored = 100

// ignore tells what is left out, each thing once.
func (w *work) ignore(sentences []string) {
	for _, s := range sentences {
		if len(w.run.Ignored) < maxIgnored && !slices.Contains(w.run.Ignored, s) {
			w.run.Ignored = append(w.run.Ignored, s)
		}
	}
}

// put adds an entry where its role belongs.
func (p *prompt) put(e entry) {
	role := e.message["role"]
	switch {
	case role == "system" && len(p.turns) == 0:
		p.head = append(p.head, e)
	case role == "user" || len(p.turns) == 0:
		p.turns = append(p.turns, turn{e})
	default:
		last := &p.turns[len(p.turns)-1]
		*last = append(*last, e)
	}
}

// addSteps puts in what the run itself did: it said something, it called functions, and
// was given their outputs.
func (w *work) addSteps(p *prompt, own map[string]*conversation.Message) {
	said := ""
	for _, step := range w.past {
		details := gjson.ParseBytes(step.StepDetails)
		if m := own[details.Get("message_creation.message_id").Str]; m != nil {
			said = textOf(m)
		}
		if calls := details.Get("tool_calls").Array(); len(calls) > 0 {
			p.putCalls(said, calls)
			said = ""
		}
	}
}

// putCalls adds a message that calls functions, and what they gave.
func (p *prompt) putCalls(said string, calls []gjson.Result) {
	message := map[string]any{"role": "assistant", "content": nil}
	if said != "" {
		message["content"] = said
	}
	var asked []any
	var answers []entry
	for _, call := range calls {
		function := map[string]string{"name": call.Get("function.name").Str, "arguments": call.Get("function.arguments").Str}
		asked = append(asked, map[string]any{"id": call.Get("id").Str, "type": "function", "function": function})
		answers = append(answers, entry{message: map[string]any{"role": "tool", "tool_call_id": call.Get("id").Str, "content": call.Get("function.output").Str}})
	}
	message["tool_calls"] = asked
	for _, e := range append([]entry{{message: message}}, answers...) {
		p.put(e)
	}
}

// textOf is what a message of an assistant says.
func textOf(m *conversation.Message) string {
	var text strings.Builder
	for _, part := range m.Content {
		if part.Text != nil {
			text.WriteString(part.Text.Value)
		}
	}
	return text.String()
}

// allSteps are those of a run, oldest first.
func allSteps(ctx context.Context, s *conversation.Store, o conversation.Owner, run *conversation.Run) ([]*conversation.Step, error) {
	var steps []*conversation.Step
	for page := (conversation.Page{Limit: 100, Ascending: true}); ; {
		list, err := s.Steps(ctx, o, run.ThreadID, run.ID, page)
		if err != nil {
			return nil, err
		}
		steps = append(steps, list.Data...)
		if !list.HasMore || list.LastID == nil {
			return steps, nil
		}
		page.After = *list.LastID
	}
}

// body is the chat completion that asks a model to answer the prompt.
func (w *work) body(p *prompt) ([]byte, error) {
	messages := make([]map[string]any, 0, len(p.head)+2*len(p.turns))
	for _, t := range append([]turn{p.head}, p.turns...) {
		for _, e := range t {
			messages = append(messages, e.message)
		}
	}
	body := parameters(w.run)
	body["model"], body["messages"] = w.run.Model, messages
	body["stream"], body["stream_options"] = true, map[string]bool{"include_usage": true}
	if w.run.MaxCompletionTokens != nil {
		body["max_completion_tokens"] = max(1, *w.run.MaxCompletionTokens-w.used.CompletionTokens) // of the whole run
	}
	if tools := functions(w.run.Tools); len(tools) > 0 {
		body["tools"] = tools
		body["tool_choice"] = w.choice()
		if !w.run.ParallelToolCalls {
			body["parallel_tool_calls"] = false
		}
	}
	return json.Marshal(body)
}

// choice says whether functions are to be called. What must be called is called once:
// after that the model may answer.
func (w *work) choice() json.RawMessage {
	c := w.run.ToolChoice
	if string(c) != `"none"` && (w.resumed || gjson.GetBytes(c, "type").Str == "file_search") {
		return json.RawMessage(`"auto"`)
	}
	return c
}

// functions are the tools that a model is told of: files are put before it anyway.
func functions(tools []json.RawMessage) []json.RawMessage {
	var told []json.RawMessage
	for _, tool := range tools {
		if gjson.GetBytes(tool, "type").Str == "function" {
			told = append(told, tool)
		}
	}
	return told
}
