package runs_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/core/runs"
	"github.com/enginebay/enginebay/sdk"
)

func TestRunAnswersItsThread(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		b := newBayOn(t, c)
		thread := b.thread("hello there")
		run := b.run(thread.ID, `{"model": "echo", "metadata": {"a": "b"}}`)
		if run.Status != conversation.RunCompleted || run.CompletedAt == nil || run.StartedAt == nil || run.LastError != nil {
			t.Fatalf("%+v", run)
		}
		same(t, "usage", run.Usage, &conversation.RunUsage{PromptTokens: 10, CompletionTokens: 4, TotalTokens: 14})
		same(t, "thread", b.texts(thread.ID), []string{"user: hello there", "assistant: You said: hello there"})
		m := b.messages(thread.ID)[1]
		if m.Status != "completed" || *m.RunID != run.ID || m.CompletedAt == nil {
			t.Errorf("%+v", m)
		}
		steps := b.steps(run)
		if len(steps) != 1 || steps[0].Status != "completed" || gjson.GetBytes(steps[0].StepDetails, "message_creation.message_id").Str != m.ID {
			t.Errorf("%+v", steps)
		}
		b.run(thread.ID, `{"model": "echo", "additional_messages": [{"role": "user", "content": "again"}]}`)
		same(t, "thread", b.texts(thread.ID)[2:], []string{"user: again", "assistant: You said: again"})
	})
}

// byteReader reads nothing ahead, and counts the ends that were asked for.
type byteReader struct {
	io.Reader
	ends *atomic.Int32
}

func (r byteReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:1])
	if n > 0 {
		return n, nil
	}
	if err == io.EOF {
		r.ends.Add(1)
	}
	return 0, err
}

// TestAnswerIsReadToItsEnd: otherwise its connection would not be used again. An engine
// that does not come to an end is left.
func TestAnswerIsReadToItsEnd(t *testing.T) {
	b := newBay(t)
	var ends atomic.Int32
	b.bridge.wrap = func(answer io.Reader) io.Reader { return byteReader{answer, &ends} }
	for model, want := range map[string]int32{"echo": 1, "stays": 0, "rambles": 0} {
		ends.Store(0)
		if run := b.run(b.thread("hello").ID, `{"model": "`+model+`"}`); run.Status != conversation.RunCompleted || run.Usage.TotalTokens != 13 {
			t.Errorf("%s: %+v", model, run)
		}
		<-b.engine.left
		same(t, model, ends.Load(), want)
	}
}

func TestEvents(t *testing.T) {
	tests := map[string]struct {
		body string
		want string
	}{
		"an answer":    {`{"model": "echo"}`, "run.created run.queued run.in_progress run.step.created run.step.in_progress message.created message.in_progress message.delta message.completed run.step.completed run.completed"},
		"thoughts":     {`{"model": "thinks"}`, "run.created run.queued run.in_progress run.step.created run.step.in_progress message.created message.in_progress message.delta message.completed run.step.completed run.completed"},
		"nothing":      {`{"model": "silent"}`, "run.created run.queued run.in_progress run.step.created run.step.in_progress message.created message.in_progress message.completed run.step.completed run.completed"},
		"a limit":      {`{"model": "length"}`, "run.created run.queued run.in_progress run.step.created run.step.in_progress message.created message.in_progress message.delta message.incomplete run.step.completed run.incomplete"},
		"broken off":   {`{"model": "breaks"}`, "run.created run.queued run.in_progress run.step.created run.step.in_progress message.created message.in_progress message.delta message.incomplete run.step.failed run.failed"},
		"an error":     {`{"model": "refuses"}`, "run.created run.queued run.in_progress run.failed"},
		"a full queue": {`{"model": "busy"}`, "run.created run.queued run.failed"},
		"a function": {`{"model": "tools", "tools": [{"type": "function", "function": {"name": "weather"}}]}`,
			"run.created run.queued run.in_progress run.step.created run.step.in_progress run.step.delta run.requires_action"},
		"words and a function": {`{"model": "both", "tools": [{"type": "function", "function": {"name": "weather"}}]}`,
			"run.created run.queued run.in_progress run.step.created run.step.in_progress message.created message.in_progress message.delta message.completed run.step.completed run.step.created run.step.in_progress run.step.delta run.requires_action"},
	}
	b := newBay(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, events := b.stream(b.thread("hello").ID, test.body)
			same(t, "events", strings.Join(names(all(events)), " "), test.want)
		})
	}
}

func TestDeltas(t *testing.T) {
	b := newBay(t)
	_, events := b.stream(b.thread("hello").ID, `{"model": "thinks"}`)
	var deltas []string
	var id string
	for _, e := range all(events) {
		text, _ := json.Marshal(e.Data)
		if e.Name == "thread.message.created" {
			id = gjson.GetBytes(text, "id").Str
			same(t, "content", gjson.GetBytes(text, "content").Raw, "[]")
			same(t, "status", gjson.GetBytes(text, "status").Str, "in_progress")
		}
		if e.Name == "thread.message.delta" {
			deltas = append(deltas, strings.ReplaceAll(string(text), id, "ID"))
		}
	}
	same(t, "deltas", deltas, []string{
		`{"id":"ID","object":"thread.message.delta","delta":{"reasoning_content":"Let me "}}`,
		`{"id":"ID","object":"thread.message.delta","delta":{"reasoning_content":"think."}}`,
		`{"id":"ID","object":"thread.message.delta","delta":{"content":[{"index":0,"type":"text","text":{"value":"You ","annotations":[]}}]}}`,
		`{"id":"ID","object":"thread.message.delta","delta":{"content":[{"index":0,"type":"text","text":{"value":"said: "}}]}}`,
		`{"id":"ID","object":"thread.message.delta","delta":{"content":[{"index":0,"type":"text","text":{"value":"hello"}}]}}`,
	})
}

func TestThoughtsAreKeptAndNotSentBack(t *testing.T) {
	b := newBay(t)
	thread := b.thread("hello")
	b.run(thread.ID, `{"model": "thinks"}`)
	same(t, "thoughts", b.messages(thread.ID)[1].Reasoning, "Let me think.")
	b.run(thread.ID, `{"model": "echo", "additional_messages": [{"role": "user", "content": "and now"}]}`)
	if sent := b.engine.requests()[1].Raw; strings.Contains(sent, "think") {
		t.Error(sent)
	}
}

func TestThreadAndRunAtOnce(t *testing.T) {
	b := newBay(t)
	req, err := runs.ReadThreadRun([]byte(`{"model": "echo", "stream": true, "thread": {"messages": [{"role": "user", "content": "hi"}], "metadata": {"a": "b"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Owner = anyone
	run, events, err := b.runner.Create(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	got := all(events)
	if got[0].Name != "thread.created" || got[0].Data.(*conversation.Thread).ID != run.ThreadID {
		t.Errorf("%+v", got[0])
	}
	same(t, "thread", b.texts(run.ThreadID), []string{"user: hi", "assistant: You said: hi"})
}

func TestEndsThatAreNone(t *testing.T) {
	tests := map[string]struct {
		model, status, code, says string
		message, reason           string
	}{
		"the engine breaks off": {"breaks", "failed", "server_error", "broke off", "incomplete", "run_failed"},
		"it says so":            {"refuses", "failed", "server_error", "the weights are wrong", "", ""},
		"its limit":             {"length", "incomplete", "", "", "incomplete", "max_tokens"},
		"the queue is full":     {"busy", "failed", "rate_limit_exceeded", "The queue is full", "", ""},
		"the engine is away":    {"away", "failed", "server_error", "The engine is away", "", ""},
	}
	b := newBay(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			thread := b.thread("hello there")
			run := b.run(thread.ID, `{"model": "`+test.model+`"}`)
			same(t, "status", run.Status, test.status)
			if test.code != "" && (run.LastError == nil || run.LastError.Code != test.code || !strings.Contains(run.LastError.Message, test.says)) {
				t.Errorf("%+v", run.LastError)
			}
			messages := b.messages(thread.ID)[1:]
			if test.message == "" {
				same(t, "messages", len(messages), 0)
				return
			}
			m := messages[0]
			same(t, "text", m.Content[0].Text.Value, "You said: ")
			if m.Status != test.message || m.IncompleteDetails.Reason != test.reason {
				t.Errorf("%+v", m)
			}
			again := b.run(thread.ID, `{"model": "echo", "additional_messages": [{"role": "user", "content": "go on"}]}`)
			same(t, "the run after it", again.Status, "completed")
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	b := newBay(t)
	thread := b.thread("hello")
	var left atomic.Int32
	tests := map[string]struct {
		thread, body string
		code         sdk.Code
	}{
		"no such thread":    {"thread_none", `{"model": "echo"}`, sdk.CodeNotFound},
		"no such assistant": {thread.ID, `{"assistant_id": "asst_none"}`, sdk.CodeNotFound},
		"no such model":     {thread.ID, `{"model": "nobody"}`, sdk.CodeNotFound},
		"no model at all":   {thread.ID, `{}`, sdk.CodeInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			left.Store(0)
			req := b.request(test.thread, test.body)
			req.Leave = func() { left.Add(1) }
			_, _, err := b.runner.Create(t.Context(), req)
			if sdk.CodeOf(err) != test.code || left.Load() != 1 {
				t.Errorf("%v, left %d times", err, left.Load())
			}
		})
	}
	t.Run("another owner's thread", func(t *testing.T) {
		req := b.request(thread.ID, `{"model": "echo"}`)
		req.Owner = conversation.Owner{ID: "key_2"}
		_, _, err := b.runner.Create(t.Context(), req)
		var missing *conversation.Missing
		if !errors.As(err, &missing) {
			t.Error(err)
		}
	})
}

func TestOneRunAtATime(t *testing.T) {
	b := newBay(t)
	b.engine.gate = make(chan struct{})
	thread := b.thread("hello")
	first, _, err := b.runner.Create(t.Context(), b.request(thread.ID, `{"model": "echo"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = b.runner.Create(t.Context(), b.request(thread.ID, `{"model": "echo"}`))
	if !errors.Is(err, conversation.ErrBusy) {
		t.Error(err)
	}
	close(b.engine.gate)
	same(t, "status", b.settled(first).Status, "completed")
	b.run(thread.ID, `{"model": "echo"}`)
}
