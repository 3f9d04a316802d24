package runs_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/runs"
	"github.com/enginebay/enginebay/sdk"
)

// heard reads events until one of a name has come.
func heard(t *testing.T, events *runs.Events, name string) {
	t.Helper()
	for {
		event, ok := events.Next()
		if !ok {
			t.Fatalf("%s did not come", name)
		}
		if event.Name == name {
			return
		}
	}
}

func TestCancelWhileItAnswers(t *testing.T) {
	b := newBay(t)
	b.engine.gate = make(chan struct{}, 2)
	b.engine.gate <- struct{}{}
	b.engine.gate <- struct{}{}
	thread := b.thread("hello there")
	var left atomic.Int32
	req := b.request(thread.ID, `{"model": "echo", "stream": true}`)
	req.Leave = func() { left.Add(1) }
	run, events, err := b.runner.Create(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	heard(t, events, "thread.message.delta")
	heard(t, events, "thread.message.delta")
	got, err := b.runner.Cancel(t.Context(), anyone, run.ThreadID, run.ID)
	if err != nil || got.Status != conversation.RunCancelling {
		t.Fatalf("%+v, %v", got, err)
	}
	same(t, "events", strings.Join(names(all(events)), " "), "run.cancelling message.incomplete run.step.cancelled run.cancelled")
	<-b.engine.left
	got = b.settled(run)
	if got.Status != conversation.RunCancelled || got.CancelledAt == nil || left.Load() != 1 {
		t.Errorf("%+v, left %d times", got, left.Load())
	}
	m := b.messages(thread.ID)[1]
	same(t, "what came", m.Content[0].Text.Value, "You said: ")
	if m.Status != "incomplete" || m.IncompleteDetails.Reason != "run_cancelled" {
		t.Errorf("%+v", m)
	}
}

func TestCancelInTheQueue(t *testing.T) {
	b := newBay(t)
	for range cap(b.bridge.slots) {
		b.bridge.slots <- struct{}{}
	}
	thread := b.thread("hello")
	run, _, err := b.runner.Create(t.Context(), b.request(thread.ID, `{"model": "echo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.runner.Cancel(t.Context(), anyone, run.ThreadID, run.ID); err != nil {
		t.Fatal(err)
	}
	same(t, "status", b.settled(run).Status, "cancelled")
	same(t, "messages", len(b.messages(thread.ID)), 1)
	same(t, "requests", len(b.engine.requests()), 0)
}

// Another server has cancelled the run while it was in the queue here: the answer is
// given up when this one sees that, and not at the next beat.
func TestCancelElsewhereInTheQueue(t *testing.T) {
	b := newBay(t, func(c *runs.Config) { c.Beat = time.Hour })
	b.engine.gate = make(chan struct{}) // it begins to answer, and gets no further
	for range cap(b.bridge.slots) {
		b.bridge.slots <- struct{}{}
	}
	run, _, err := b.runner.Create(t.Context(), b.request(b.thread("hello").ID, `{"model": "echo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.UpdateRun(t.Context(), run.ID, func(r *conversation.Run) error { r.Status = conversation.RunCancelling; return nil }); err != nil {
		t.Fatal(err)
	}
	<-b.bridge.slots
	same(t, "status", b.settled(run).Status, "cancelled")
}

// A cancel that comes while the outputs of functions do is no later than any other.
func TestCancelWhileOutputsCome(t *testing.T) {
	b := newBay(t)
	run := b.run(b.thread("hello").ID, `{"model": "tools", `+twoFunctions+`}`)
	b.bridge.asked = func() {
		if got, err := b.runner.Cancel(t.Context(), anyone, run.ThreadID, run.ID); err != nil || got.Status != conversation.RunCancelled {
			t.Errorf("%+v, %v", got, err)
		}
	}
	_, _, err := b.runner.Submit(t.Context(), b.submission(run, bothOutputs))
	if sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("%v; want that the run takes no outputs any more", err)
	}
	same(t, "requests", len(b.engine.requests()), 1)
}

func TestCancelOfAnothersRun(t *testing.T) {
	b := newBay(t)
	b.engine.gate = make(chan struct{})
	run, _, err := b.runner.Create(t.Context(), b.request(b.thread("hello").ID, `{"model": "echo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.runner.Cancel(t.Context(), conversation.Owner{ID: "key_2"}, run.ThreadID, run.ID); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Error(err)
	}
	close(b.engine.gate)
	same(t, "status", b.settled(run).Status, "completed")
}

func TestListenerLeaves(t *testing.T) {
	b := newBay(t)
	b.engine.gate = make(chan struct{}, 1)
	b.engine.gate <- struct{}{}
	thread := b.thread("hello")
	run, events := b.stream(thread.ID, `{"model": "echo"}`)
	heard(t, events, "thread.message.delta")
	events.Close()
	events.Close()
	if _, ok := events.Next(); ok {
		t.Error("events after Close")
	}
	<-b.engine.left // the engine is told
	same(t, "status", b.settled(run).Status, "cancelled")
	same(t, "thread", b.texts(thread.ID)[1], "assistant: You ")
}

func TestListenerLeavesAtTheEnd(t *testing.T) {
	b := newBay(t)
	run, events := b.stream(b.thread("hello").ID, `{"model": "echo"}`)
	all(events)
	events.Close()
	same(t, "status", b.settled(run).Status, "completed")
}

func TestListenerIsSlow(t *testing.T) {
	b := newBay(t)
	run, events := b.stream(b.thread(strings.TrimSpace(strings.Repeat("word ", 2000))).ID, `{"model": "echo"}`)
	begun := time.Now()
	got := b.until(run, func(r *conversation.Run) bool { return !r.Unfinished() || time.Since(begun) > 500*time.Millisecond })
	if !got.Unfinished() {
		t.Error("the answer was read to its end, for a listener who takes none of it")
	}
	deltas := 0
	for _, e := range all(events) {
		if e.Name == "thread.message.delta" {
			deltas++
		}
	}
	same(t, "deltas", deltas, 2002)
}

func TestThreadIsDeleted(t *testing.T) {
	b := newBay(t)
	b.engine.gate = make(chan struct{}, 1)
	b.engine.gate <- struct{}{}
	thread := b.thread("hello")
	_, events := b.stream(thread.ID, `{"model": "echo"}`)
	heard(t, events, "thread.message.delta")
	if err := b.runner.DeleteThread(t.Context(), anyone, thread.ID); err != nil {
		t.Fatal(err)
	}
	got := all(events)
	same(t, "events", names(got), []string{"error"})
	<-b.engine.left
}

// Another server has cancelled the run, and this one has not seen it when the answer
// ends.
func TestCancelAtTheLastMoment(t *testing.T) {
	tests := map[string]struct{ body, status, step string }{
		"of an answer":  {`{"model": "echo"}`, "completed", "completed"},
		"of a function": {`{"model": "both", ` + twoFunctions + `}`, "cancelled", "cancelled"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBay(t)
			b.engine.gate = make(chan struct{})
			run, events := b.stream(b.thread("hello").ID, test.body)
			heard(t, events, "thread.run.in_progress")
			b.until(run, func(r *conversation.Run) bool { return r.Status == conversation.RunInProgress })
			if _, err := b.store.UpdateRun(t.Context(), run.ID, func(r *conversation.Run) error { r.Status = conversation.RunCancelling; return nil }); err != nil {
				t.Fatal(err)
			}
			close(b.engine.gate)
			got := all(events)
			same(t, "the last event", got[len(got)-1].Name, "thread.run."+test.status)
			run = b.settled(run)
			if run.Status != test.status || run.RequiredAction != nil || run.ExpiresAt != nil {
				t.Errorf("%+v", run)
			}
			steps := b.steps(run)
			same(t, "the last step", steps[len(steps)-1].Status, test.step)
		})
	}
}
