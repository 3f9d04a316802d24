package runs_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/database"
	"github.com/enginebay/enginebay/core/database/databasetest"
	"github.com/enginebay/enginebay/core/runs"
	"github.com/enginebay/enginebay/sdk"
)

func TestServerStops(t *testing.T) {
	b := newBay(t)
	b.engine.gate = make(chan struct{}, 1)
	b.engine.gate <- struct{}{}
	thread := b.thread("hello")
	run, events := b.stream(thread.ID, `{"model": "echo"}`)
	heard(t, events, "thread.message.delta")
	b.runner.Close()
	same(t, "events", strings.Join(names(all(events)), " "), "message.incomplete run.step.failed run.failed")
	got := b.settled(run)
	if got.Status != conversation.RunFailed || got.LastError.Message != "The server was stopped" {
		t.Errorf("%+v", got.LastError)
	}
	same(t, "thread", b.texts(thread.ID)[1], "assistant: You ")
	if _, _, err := b.runner.Create(t.Context(), b.request(thread.ID, `{"model": "echo"}`)); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Error(err)
	}
	b.runner.Close()
}

func TestServerWasKilled(t *testing.T) {
	tests := map[string]func(*runs.Config){
		"the only one":   func(c *runs.Config) { c.Sole = true },
		"one of several": func(c *runs.Config) { c.Beat = 300 * time.Millisecond },
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBay(t)
			thread := b.thread("hello")
			run := &conversation.Run{ThreadID: thread.ID, Status: conversation.RunInProgress, Model: "echo"} // as it left it
			if err := b.store.CreateRun(t.Context(), anyone, run); err != nil {
				t.Fatal(err)
			}
			b.runner = b.start(config)
			same(t, "status", b.settled(run).Status, "failed")
			same(t, "the next run", b.run(thread.ID, `{"model": "echo"}`).Status, "completed")
		})
	}
}

// TestClocksAreWrong: that of the server that was killed went a day before, or the
// machine's was set back since.
func TestClocksAreWrong(t *testing.T) {
	tests := map[string]func(*runs.Config){
		"the only one":   func(c *runs.Config) { c.Sole = true },
		"one of several": func(c *runs.Config) { c.Beat = 20 * time.Millisecond },
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBay(t)
			run := &conversation.Run{ThreadID: b.thread("hello").ID, Status: conversation.RunInProgress, Model: "echo", Beat: time.Now().Add(24 * time.Hour).Unix()}
			if err := b.store.CreateRun(t.Context(), anyone, run); err != nil {
				t.Fatal(err)
			}
			b.runner = b.start(config)
			same(t, "status", b.settled(run).Status, "failed")
		})
	}
}

// TestServerWhoseClockIsSlow lives, and what it works on goes on.
func TestServerWhoseClockIsSlow(t *testing.T) {
	b := newBay(t, func(c *runs.Config) { c.Beat = 300 * time.Millisecond })
	run := &conversation.Run{ThreadID: b.thread("hello").ID, Status: conversation.RunInProgress, Model: "echo", Beat: 1}
	if err := b.store.CreateRun(t.Context(), anyone, run); err != nil {
		t.Fatal(err)
	}
	for range 20 { // longer than what a dead one is given
		time.Sleep(100 * time.Millisecond)
		r, err := b.store.UpdateRun(t.Context(), run.ID, func(r *conversation.Run) error { r.Beat++; return nil })
		if err != nil || !r.Unfinished() {
			t.Fatalf("%v: the other one ended it: %+v", err, r)
		}
	}
}

func TestServersShareAStore(t *testing.T) {
	b := newBay(t, func(c *runs.Config) { c.Beat = 300 * time.Millisecond })
	b.engine.gate = make(chan struct{})
	other := b.start(func(c *runs.Config) { c.Beat = 300 * time.Millisecond })
	thread := b.thread("hello")
	run, _, err := b.runner.Create(t.Context(), b.request(thread.ID, `{"model": "echo"}`))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	alive := b.until(run, func(r *conversation.Run) bool { return time.Since(begun) > 3*time.Second }) // longer than what a dead one is given
	if !alive.Unfinished() {
		t.Fatalf("the other one ended it: %+v", alive)
	}
	if _, err := other.Cancel(t.Context(), anyone, run.ThreadID, run.ID); err != nil {
		t.Fatal(err)
	}
	same(t, "status", b.settled(run).Status, "cancelled")
	<-b.engine.left
}

func TestDatabaseGoesAway(t *testing.T) {
	cluster := databasetest.Own(t)
	b := newBayOn(t, database.Config{URL: cluster.URL})
	b.engine.gate = make(chan struct{})
	thread := b.thread("hello there")
	run, events := b.stream(thread.ID, `{"model": "echo"}`)
	b.engine.gate <- struct{}{}
	heard(t, events, "thread.message.delta")
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	go func() { close(b.engine.gate) }()
	heard(t, events, "thread.message.delta") // goes on
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	same(t, "events", strings.Join(names(all(events)), " "), "message.delta message.completed run.step.completed run.completed")
	same(t, "status", b.settled(run).Status, "completed")
	same(t, "thread", b.texts(thread.ID)[1:], []string{"assistant: You said: hello there"})
}

func TestDatabaseHasGoneForGood(t *testing.T) {
	b := newBayOn(t, database.Config{File: filepath.Join(t.TempDir(), "enginebay.db")})
	b.engine.gate = make(chan struct{})
	_, events := b.stream(b.thread("hello").ID, `{"model": "echo"}`)
	b.engine.gate <- struct{}{}
	heard(t, events, "thread.message.delta")
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.runner.Close()
	same(t, "events", names(all(events)), []string{"error"})
}

// A run that this server began, and whose beginning was never heard of: the connection
// broke when it was written.
func TestRunThatNobodyWorksOn(t *testing.T) {
	b := newBay(t, func(c *runs.Config) { c.Beat = 300 * time.Millisecond })
	thread := b.thread("hello")
	lost := &conversation.Run{ThreadID: thread.ID, Status: conversation.RunQueued, Model: "echo"}
	if err := b.store.CreateRun(t.Context(), anyone, lost); err != nil {
		t.Fatal(err)
	}
	same(t, "status", b.settled(lost).Status, "failed")
}

func TestThreadIsDeletedElsewhere(t *testing.T) {
	b := newBay(t, func(c *runs.Config) { c.Beat = 50 * time.Millisecond })
	b.engine.gate = make(chan struct{})
	thread := b.thread("hello")
	_, events := b.stream(thread.ID, `{"model": "echo"}`)
	heard(t, events, "thread.run.in_progress")
	if err := b.store.DeleteThread(t.Context(), anyone, thread.ID); err != nil {
		t.Fatal(err)
	}
	same(t, "events", names(all(events)), []string{"error"})
	<-b.engine.left
}
