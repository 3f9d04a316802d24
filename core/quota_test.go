package core_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// engine is what a deployment does now.
func (h *house) engine(id string) core.Engine {
	h.t.Helper()
	e, err := h.Engine(id)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// TestConcurrencyOfADeployment is over all its models; others wait, and callers take turns.
func TestConcurrencyOfADeployment(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"free": ""})
	h.write("engines/few.json", `{"engine": "echo", "limits": {"concurrency": 2, "queue": 1}}`)
	for _, id := range []string{"a", "b"} {
		h.write("models/"+id+"/model.json", `{"engine": "few", "format": "api"}`)
	}
	first, second := h.acquire("a", core.Ask{Caller: "x"}), h.acquire("b", core.Ask{Caller: "x"})
	third := h.ask(t.Context(), "a", core.Ask{Caller: "x"})
	h.until("one waits", func() bool { return h.Waiting("few") == 1 })
	var retry *core.RetryError
	if err := h.once("b", core.Ask{Caller: "x"}); !errors.As(err, &retry) || retry.Err.Code != sdk.CodeExhausted || retry.Rate {
		t.Errorf("beyond the queue: %v", err)
	}
	h.use("free")
	first.Release()
	come(t, third).lease.Release()
	second.Release()
	h.use("b")
}

// TestRequestsOfAMinute: one more than the limit is told when to come again. A start
// by hand is none.
func TestRequestsOfAMinute(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("engines/slow.json", `{"engine": "echo", "limits": {"requests_per_minute": 3}}`)
	h.write("models/a/model.json", `{"engine": "slow", "format": "api"}`)
	h.start("a")
	for range 3 {
		h.use("a")
	}
	err := h.once("a", core.Ask{})
	var retry *core.RetryError
	if !errors.As(err, &retry) || !retry.Rate || retry.After.Seconds() < 1 || retry.After.Seconds() > 20 || !strings.Contains(err.Error(), "slow takes 3 requests a minute") {
		t.Errorf("the fourth: %v", err)
	}
}

// TestRoomOfADeployment: its models leave for each other, and those of others do not.
func TestRoomOfADeployment(t *testing.T) {
	for name, test := range map[string]struct{ limits, stay string }{
		"number": {`{"max_loaded": 2}`, "b c other"},
		"memory": {`{"memory": "20B"}`, "b c other"},
		"none":   {`{}`, "a b c other"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, core.Limits{}, map[string]string{"other": `"settings": {"memory": 50}`})
			h.write("engines/own.json", `{"engine": "echo", "settings": {"memory": 10}, "limits": `+test.limits+`}`)
			h.use("other")
			for _, id := range []string{"a", "b", "c"} {
				h.write("models/"+id+"/model.json", `{"engine": "own", "format": "api"}`)
				h.use(id)
			}
			if got := strings.Join(h.loaded(), " "); got != test.stay {
				t.Errorf("loaded are %s, want %s", got, test.stay)
			}
		})
	}
	h := open(t, core.Limits{}, nil)
	h.write("engines/own.json", `{"engine": "echo", "settings": {"memory": 21}, "limits": {"memory": "20B"}}`)
	h.write("models/a/model.json", `{"engine": "own", "format": "api"}`)
	if err := h.once("a", core.Ask{}); sdk.CodeOf(err) != sdk.CodeExhausted || !strings.Contains(err.Error(), "limits.memory of the engine") {
		t.Errorf("a model too large for its deployment: %v", err)
	}
}

// TestRemoteModelsTakeNoRoom, and leave for nobody.
func TestRemoteModelsTakeNoRoom(t *testing.T) {
	h := open(t, core.Limits{MaxLoaded: 1, Memory: 10}, map[string]string{"here": `"settings": {"memory": 10}`})
	for i := range 3 {
		h.model(fmt.Sprint("far", i), `"settings": {"remote": true, "memory": 50}`)
		h.use(fmt.Sprint("far", i))
	}
	h.use("here")
	if got := h.loaded(); len(got) != 4 {
		t.Errorf("loaded are %v", got)
	}
}

// TestMemoryTaken: what an engine has found counts in place of its estimate, and others
// leave where it is more.
func TestMemoryTaken(t *testing.T) {
	h := open(t, core.Limits{Memory: 10}, map[string]string{"a": `"settings": {"memory": 4}`, "b": `"settings": {"memory": 4, "memory_taken": 8}`})
	h.use("a")
	h.use("b")
	h.becomes("a", core.StateReady)
	if m, _ := h.Model("b"); m.Memory != 8 || m.State != core.StateRunning {
		t.Errorf("b is %s with %d bytes", m.State, m.Memory)
	}
}

// TestUsage: tokens and what they cost, by the most exact price.
func TestUsage(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.write("engines/paid.json", `{"engine": "echo", "prices": {"*": {"input": 1, "output": 2}, "a*": {"input": 10}, "b": {"output": 0.5}}}`)
	for _, id := range []string{"abc", "b", "c"} {
		h.write("models/"+id+"/model.json", `{"engine": "paid", "format": "api"}`)
		lease := h.acquire(id, core.Ask{})
		lease.Spend(200, 1_000_000, 2_000_000)
		lease.Release()
	}
	lease := h.acquire("c", core.Ask{})
	lease.Spend(503, 0, 0)
	lease.Release()
	got, want := h.engine("paid").Usage, core.Usage{Requests: 4, Failures: 1, Input: 3e6, Output: 6e6, Cost: 10 + 1 + 1 + 4}
	if math.Abs(got.Cost-want.Cost) < 1e-9 {
		got.Cost = want.Cost
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestNobodyLeavesInVain: neither for a deployment whose own models are all in use, nor
// where one that leaves makes room for two.
func TestNobodyLeavesInVain(t *testing.T) {
	h := open(t, core.Limits{MaxLoaded: 2}, map[string]string{"other": ""})
	h.write("engines/own.json", `{"engine": "echo", "limits": {"max_loaded": 1}}`)
	h.on("own", "a", "b")
	lease := h.acquire("a", core.Ask{})
	h.use("other")
	b := h.ask(t.Context(), "b", core.Ask{})
	h.until("b waits for its room", func() bool { return h.Counts().RoomWaiting == 1 })
	h.SetLimits(core.Limits{MaxLoaded: 2}) // has it try again
	if !h.is("other", core.StateRunning) {
		t.Error("a model left for one that does not fit beside its deployment's own")
	}
	lease.Release()
	come(t, b).lease.Release()
	if got := strings.Join(h.loaded(), " "); got != "b other" {
		t.Errorf("loaded are %s", got)
	}
}
