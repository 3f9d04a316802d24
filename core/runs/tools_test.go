package runs_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/core/runs"
	"github.com/enginebay/enginebay/sdk"
)

const twoFunctions = `"tools": [{"type": "function", "function": {"name": "weather"}}, {"type": "function", "function": {"name": "time"}}, {"type": "file_search"}]`

func (b *bay) submission(run *conversation.Run, outputs string) runs.Submission {
	b.Helper()
	s, err := runs.ReadSubmission([]byte(`{"tool_outputs": ` + outputs + `}`))
	if err != nil {
		b.Fatal(err)
	}
	s.Owner, s.ThreadID, s.RunID = anyone, run.ThreadID, run.ID
	return s
}

const bothOutputs = `[{"tool_call_id": "call_1", "output": "noon"}, {"tool_call_id": "call_0", "output": "rain"}]`

func TestFunctions(t *testing.T) {
	databasetest.Configs(t, func(t *testing.T, c database.Config) {
		b := newBayOn(t, c)
		thread := b.thread("how is it in Paris")
		run := b.run(thread.ID, `{"model": "both", "instructions": "Be brief", `+twoFunctions+`}`)
		if run.Status != conversation.RunRequiresAction || run.ExpiresAt == nil || run.Usage != nil {
			t.Fatalf("%+v", run)
		}
		calls := run.RequiredAction.SubmitToolOutputs.ToolCalls
		if len(calls) != 2 || calls[0].Function.Name != "weather" || calls[1].Function.Arguments != `{"city": "Paris"}` {
			t.Errorf("%+v", calls)
		}
		step := b.steps(run)[1]
		same(t, "the step that waits", string(step.StepDetails)[:90], `{"tool_calls":[{"id":"call_0","type":"function","function":{"name":"weather","arguments":"`)
		same(t, "status", step.Status, "in_progress")

		s := b.submission(run, bothOutputs)
		s.Stream = true
		_, events, err := b.runner.Submit(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "events", strings.Join(names(all(events)), " "),
			"run.step.completed run.queued run.in_progress run.step.created run.step.in_progress message.created message.in_progress message.delta message.completed run.step.completed run.completed")
		run = b.settled(run)
		if run.RequiredAction != nil || run.ExpiresAt != nil || run.Status != "completed" {
			t.Errorf("%+v", run)
		}
		same(t, "usage", run.Usage.TotalTokens, 10+13) // of both rounds
		same(t, "thread", b.texts(thread.ID), []string{"user: how is it in Paris", "assistant: Wait. ", "assistant: You said: noon"})
		b.sentOutputs(t, b.engine.requests()[1])
		same(t, "output", gjson.GetBytes(b.steps(run)[1].StepDetails, "tool_calls.0.function.output").Str, "rain")
	})
}

// sentOutputs checks what the model was told after the functions.
func (b *bay) sentOutputs(t *testing.T, sent gjson.Result) {
	t.Helper()
	same(t, "tools", sent.Get("tools.#").Int(), 2)
	var told []string
	for _, m := range sent.Get("messages").Array() {
		told = append(told, fmt.Sprintf("%s %s %s", m.Get("role").Str, m.Get("content").Str, m.Get("tool_call_id").Str))
	}
	same(t, "messages", told, []string{"system Be brief ", "user how is it in Paris ", "assistant Wait.  ", "tool rain call_0", "tool noon call_1"})
	same(t, "calls", sent.Get("messages.2.tool_calls.#.function.name").Raw, `["weather","time"]`)
}

func TestSubmissionsThatAreRefused(t *testing.T) {
	b := newBay(t)
	run := b.run(b.thread("hello").ID, `{"model": "tools", `+twoFunctions+`}`)
	tests := map[string]struct{ outputs, says string }{
		"one is missing":     {`[{"tool_call_id": "call_0", "output": "x"}]`, "call_1"},
		"one too many":       {`[{"tool_call_id": "call_0", "output": "x"}, {"tool_call_id": "call_1", "output": "x"}, {"tool_call_id": "call_2", "output": "x"}]`, "call_2"},
		"the same one twice": {`[{"tool_call_id": "call_0", "output": "x"}, {"tool_call_id": "call_0", "output": "x"}]`, "two outputs"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := b.runner.Submit(t.Context(), b.submission(run, test.outputs))
			if sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), test.says) {
				t.Error(err)
			}
		})
	}
	if _, _, err := b.runner.Submit(t.Context(), b.submission(run, bothOutputs)); err != nil {
		t.Fatal(err)
	}
	b.settled(run)
	var left atomic.Int32
	s := b.submission(run, bothOutputs)
	s.Leave = func() { left.Add(1) }
	if _, _, err := b.runner.Submit(t.Context(), s); sdk.CodeOf(err) != sdk.CodeInvalid || left.Load() != 1 {
		t.Errorf("after its end: %v", err)
	}
}

func TestRunThatWaitsIsCancelled(t *testing.T) {
	b := newBay(t)
	run := b.run(b.thread("hello").ID, `{"model": "tools", `+twoFunctions+`}`)
	got, err := b.runner.Cancel(t.Context(), anyone, run.ThreadID, run.ID)
	if err != nil || got.Status != conversation.RunCancelled || got.CancelledAt == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	same(t, "step", b.steps(run)[0].Status, "cancelled")
	if _, err := b.runner.Cancel(t.Context(), anyone, run.ThreadID, run.ID); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Error(err)
	}
}

func TestRunThatWaitsExpires(t *testing.T) {
	b := newBay(t, func(c *runs.Config) { c.Patience, c.Beat = time.Second, 20*time.Millisecond })
	run := b.run(b.thread("hello").ID, `{"model": "tools", `+twoFunctions+`}`)
	got := b.until(run, func(r *conversation.Run) bool { return !r.Unfinished() })
	same(t, "status", got.Status, "expired")
	same(t, "step", b.steps(run)[0].Status, "expired")
	if _, _, err := b.runner.Submit(t.Context(), b.submission(run, bothOutputs)); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Error(err)
	}
}

func TestRunThatWaitsOutlivesTheServer(t *testing.T) {
	b := newBay(t)
	run := b.run(b.thread("hello").ID, `{"model": "tools", `+twoFunctions+`}`)
	b.runner.Close()
	b.runner = b.start(func(c *runs.Config) { c.Sole = true })
	if _, _, err := b.runner.Submit(t.Context(), b.submission(run, bothOutputs)); err != nil {
		t.Fatal(err)
	}
	same(t, "status", b.settled(run).Status, "completed")
}
