package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// TestTurns: callers take turns, not requests.
func TestTurns(t *testing.T) {
	h := open(t, core.Limits{QueuePerSlot: 200}, map[string]string{"m": `"settings": {"n_parallel": 1}`})
	lease := h.acquire("m", core.Ask{})
	turns := make(chan asked, 103)
	callers := map[*core.Lease]string{}
	wait := func(caller string) {
		go func() {
			got, err := h.Acquire(t.Context(), "m", core.Ask{Caller: caller})
			turns <- asked{got, err}
		}()
	}
	for range 100 {
		wait("greedy")
	}
	h.waiting(100)
	single := h.ask(t.Context(), "m", core.Ask{Caller: "single"})
	h.waiting(101)
	lease.Release()
	first := come(t, turns)
	callers[first.lease] = "greedy"
	select {
	case <-single:
		t.Error("who came last stood before who waited")
	default:
	}
	first.lease.Release()
	got := come(t, single)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if c := h.Counts(); c.Waiting != 99 || c.Busy != 1 {
		t.Errorf("then there is %+v", c)
	}
	got.lease.Release()
	for range 99 {
		next := come(t, turns)
		if next.err != nil {
			t.Fatal(next.err)
		}
		next.lease.Release()
	}
	if c := h.Counts(); c != (core.Counts{Loaded: 1, Claims: 1}) {
		t.Errorf("in the end there is %+v", c)
	}
}

// TestQueueIsBounded: who comes when it is full is turned away, unless others have
// more than their share of it.
func TestQueueIsBounded(t *testing.T) {
	h := open(t, core.Limits{QueuePerSlot: 3}, map[string]string{"m": `"settings": {"n_parallel": 2}`})
	held := []*core.Lease{h.acquire("m", core.Ask{}), h.acquire("m", core.Ask{})}
	answers := map[string]chan error{"a": make(chan error, 9), "b": make(chan error, 9), "c": make(chan error, 9)}
	ask := func(caller string) {
		go func() { answers[caller] <- h.once("m", core.Ask{Caller: caller}) }()
	}
	refused := func(caller string) {
		t.Helper()
		err := come(t, answers[caller])
		var retry *core.RetryError
		if !errors.As(err, &retry) || retry.After <= 0 || sdk.CodeOf(err) != sdk.CodeExhausted {
			t.Errorf("%s got %v", caller, err)
		}
	}
	for range 6 {
		ask("a")
	}
	h.waiting(6)
	ask("a") // 6 wait already, all of a's
	refused("a")
	for range 3 { // b may have half of the queue
		ask("b")
		refused("a")
	}
	ask("b")
	refused("b")
	ask("a")
	refused("a")
	ask("c")
	h.until("somebody makes place for c", func() bool { return len(answers["a"])+len(answers["b"]) == 1 })
	if c := h.Counts(); c.Waiting != 6 || c.Lines != 3 {
		t.Errorf("there is %+v", c)
	}
	light, err := h.Acquire(t.Context(), "m", core.Ask{Unqueued: true})
	if err != nil {
		t.Fatal(err)
	}
	light.Release()
	for _, lease := range held {
		lease.Release()
	}
	h.until("all are gone", func() bool { return h.Counts() == core.Counts{Loaded: 1, Claims: 1} })
}

// TestWaitedForTheLoad: who waited for a load keeps the place, though the engine
// works on fewer at once than it was taken for.
func TestWaitedForTheLoad(t *testing.T) {
	h := open(t, core.Limits{QueuePerSlot: 2}, map[string]string{"m": `"settings": {"n_parallel": 1, "load_ms": 300}`})
	served := make(chan error)
	for range 8 {
		go func() { served <- h.once("m", core.Ask{}) }()
	}
	h.waiting(8)
	if err := h.once("m", core.Ask{}); sdk.CodeOf(err) != sdk.CodeExhausted {
		t.Errorf("one more than the queue holds got %v", err)
	}
	if _, err := h.Start(t.Context(), "m", core.Ask{}, nil); err != nil {
		t.Errorf("a start, which waits in no queue, got %v", err)
	}
	for range 8 {
		if err := come(t, served); err != nil {
			t.Errorf("who waited got %v", err)
		}
	}
}

// TestWaitersLeave: a place in the queue, and a slot that came at the last moment,
// are given back once.
func TestWaitersLeave(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"n_parallel": 1}`})
	h.use("m")
	for i := range 200 {
		held := h.acquire("m", core.Ask{})
		ctx, leave := context.WithCancel(t.Context())
		var all []<-chan asked
		for n := range 4 {
			all = append(all, h.ask(ctx, "m", core.Ask{Caller: fmt.Sprint(n % 2)}))
		}
		h.waiting(4)
		if i%2 == 0 {
			go leave()
			held.Release()
		} else {
			go held.Release()
			leave()
		}
		for _, c := range all {
			got := come(t, c)
			if got.err == nil {
				got.lease.Release()
			} else if sdk.CodeOf(got.err) != sdk.CodeCanceled {
				t.Fatal(got.err)
			}
		}
		leave()
		h.until("all is given back", func() bool { return h.Counts() == core.Counts{Loaded: 1, Claims: 1} })
	}
}

// TestPushedOutAndLeft: who leaves in the moment of being turned away gives back
// no slot: there was none.
func TestPushedOutAndLeft(t *testing.T) {
	h := open(t, core.Limits{QueuePerSlot: 2}, map[string]string{"m": `"settings": {"n_parallel": 1}`})
	held := h.acquire("m", core.Ask{})
	defer held.Release()
	for i := range 1000 {
		first, leave := context.WithCancel(t.Context())
		second, leaveToo := context.WithCancel(t.Context())
		all := []<-chan asked{h.ask(first, "m", core.Ask{Caller: "a"}), h.ask(first, "m", core.Ask{Caller: "a"})}
		h.waiting(2)
		all = append(all, h.ask(second, "m", core.Ask{Caller: "b"}))
		for range i * 20 % 2000 { // here earlier, there later
			_ = second.Err()
		}
		leave()
		come(t, all[0])
		come(t, all[1])
		leaveToo()
		if got := come(t, all[2]); got.err == nil {
			t.Fatal("a slot came from nowhere")
		}
		if c := h.Counts(); c.Busy != 1 || c.Waiting != 0 {
			t.Fatalf("there is %+v", c)
		}
	}
}
