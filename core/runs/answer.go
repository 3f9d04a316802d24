package runs

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk/openai"
)

// maxAnswer bounds what a model may write in one round, in bytes: text, thoughts and
// calls together: about a million tokens.
const maxAnswer = 4 << 20

// An answer is what a model has written so far in one round.
type answer struct {
	text, thoughts strings.Builder
	calls          []*call
	finish         string
	usage          *conversation.RunUsage

	message *conversation.Message  // nil until its first word, and when it has ended
	step    *conversation.Step     // the one that is in progress, of the message or of the calls
	closed  []conversation.Written // what of this round has ended, and is still to be written
	ends    []Event                // that tell so
}

// size is what the model has written, in bytes.
func (a *answer) size() int {
	size := a.text.Len() + a.thoughts.Len()
	for _, c := range a.calls {
		size += c.arguments.Len()
	}
	return size
}

// begun says whether any of the answer was told.
func (a *answer) begun() bool { return a.message != nil || a.step != nil }

// take takes a chunk of a chat completion.
func (w *work) take(ctx context.Context, chunk []byte) error {
	var fault, usage, choice gjson.Result
	gjson.ParseBytes(chunk).ForEach(func(name, value gjson.Result) bool {
		switch name.Str {
		case "error":
			fault = value
		case "usage":
			usage = value
		case "choices":
			choice = value.Get("0")
		}
		return true
	})
	if fault.Exists() && fault.Type != gjson.Null {
		return engineSaid(fault)
	}
	w.begin()
	if usage.IsObject() {
		w.answer.usage = &conversation.RunUsage{PromptTokens: int(usage.Get("prompt_tokens").Int()),
			CompletionTokens: int(usage.Get("completion_tokens").Int()), TotalTokens: int(usage.Get("total_tokens").Int())}
	}
	if finish := choice.Get("finish_reason").Str; finish != "" {
		w.answer.finish = finish
	}
	if w.answer.size() > maxAnswer {
		return &openai.Error{Status: http.StatusBadGateway, Message: "The answer is too long"}
	}
	w.takeDelta(choice.Get("delta"))
	w.events.room(ctx.Done())
	return ctx.Err()
}

// engineSaid is an error that came in a stream.
func engineSaid(fault gjson.Result) error {
	message := fault.Get("message").String()
	if fault.Type == gjson.String {
		message = fault.Str
	}
	if message == "" {
		message = "The engine broke off its answer"
	}
	return &openai.Error{Status: http.StatusBadGateway, Message: message, Code: fault.Get("code").String()}
}

func (w *work) takeDelta(d gjson.Result) {
	thought := d.Get("reasoning_content").Str
	if thought == "" {
		thought = d.Get("reasoning").Str // as some services call it
	}
	if thought != "" {
		w.say(&w.answer.thoughts, piece{text: thought, thought: true})
	}
	for _, name := range []string{"content", "refusal"} {
		if text := d.Get(name).Str; text != "" {
			w.say(&w.answer.text, piece{text: text, first: w.answer.text.Len() == 0})
		}
	}
	if calls := d.Get("tool_calls"); calls.IsArray() {
		for _, call := range calls.Array() {
			w.takeCall(call)
		}
	}
}

// say adds to the message.
func (w *work) say(to *strings.Builder, p piece) {
	if len(w.answer.calls) > 0 {
		return // words after calls: their place in the thread is gone
	}
	w.openMessage()
	to.WriteString(p.text)
	p.message = w.answer.message.ID
	w.events.put("thread.message.delta", p)
}

// openMessage begins the message, and the step that it is.
func (w *work) openMessage() {
	if w.answer.message != nil {
		return
	}
	run := w.run
	m := &conversation.Message{ID: conversation.NewID("msg_"), Object: "thread.message", CreatedAt: time.Now().Unix(), ThreadID: run.ThreadID, Status: conversation.RunInProgress,
		Role: "assistant", Content: []conversation.Part{}, AssistantID: run.AssistantID, RunID: &run.ID, Attachments: []conversation.Attachment{}, Metadata: conversation.Metadata{}}
	w.answer.message = m
	w.openStep("message_creation", map[string]any{"type": "message_creation", "message_creation": map[string]string{"message_id": m.ID}})
	w.events.put("thread.message.created", copied(m))
	w.events.put("thread.message.in_progress", copied(m))
}

// openStep begins a step.
func (w *work) openStep(kind string, details any) {
	run := w.run
	s := &conversation.Step{ID: conversation.NewID("step_"), Object: "thread.run.step", CreatedAt: time.Now().Unix(), RunID: run.ID, AssistantID: run.AssistantID, ThreadID: run.ThreadID,
		Type: kind, Status: conversation.RunInProgress, StepDetails: encode(details), Metadata: conversation.Metadata{}}
	w.answer.step = s
	w.later(unchanged, copied(s))
	w.events.put("thread.run.step.created", copied(s))
	w.events.put("thread.run.step.in_progress", copied(s))
}

// encode writes JSON of what cannot fail to be written.
func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

// copied is what an event holds: it stays as it was.
func copied[T any](object *T) *T {
	c := *object
	return &c
}

// answered says where the run gets to after a whole answer.
func (w *work) answered() (end, error) {
	a := &w.answer
	switch {
	case a.finish == "":
		return end{}, &openai.Error{Status: http.StatusBadGateway, Message: "The engine broke off its answer"}
	case a.finish == "length":
		return end{status: conversation.RunIncomplete, reason: "max_completion_tokens"}, nil
	case a.finish == "content_filter":
		return end{status: conversation.RunIncomplete, reason: a.finish}, nil
	case len(a.calls) > 0:
		return end{status: conversation.RunRequiresAction}, nil
	}
	w.openMessage() // of a model that had nothing to say
	return end{status: conversation.RunCompleted}, nil
}
