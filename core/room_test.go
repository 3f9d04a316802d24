package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// TestRoom: who has to leave for a load. Models are used one after the other; those
// with an asterisk are in use when the last one is loaded.
func TestRoom(t *testing.T) {
	const pinned = `"pinned": true, `
	for name, test := range map[string]struct {
		limits core.Limits
		models map[string]string // id → further fields; the number in an id is its memory
		used   string
		wanted string
		stay   string // loaded in the end, besides wanted
	}{
		"the one that was used least lately": {core.Limits{MaxLoaded: 2}, nil, "a1 b1 a1", "c1", "a1"},
		"no more than needed":                {core.Limits{Memory: 10}, nil, "a2 b2 c2 d2", "e4", "b2 c2 d2"},
		"as many as needed":                  {core.Limits{Memory: 10}, nil, "a2 b2 c2 d2", "e6", "c2 d2"},
		"none, there is room":                {core.Limits{Memory: 10, MaxLoaded: 4}, nil, "a2 b2 c2", "e4", "a2 b2 c2"},
		"none of unknown size":               {core.Limits{Memory: 10}, nil, "a0 b5 c5", "d0", "a0 b5 c5"},
		"not one in use":                     {core.Limits{MaxLoaded: 3}, nil, "a1* b1 c1", "d1", "a1 c1"},
		"not a pinned one":                   {core.Limits{MaxLoaded: 3}, map[string]string{"a1": pinned}, "a1 b1 c1", "d1", "a1 c1"},
		"not one that the server pins":       {core.Limits{MaxLoaded: 3, Pinned: []string{"a1", "b1"}}, nil, "a1 b1 c1", "d1", "a1 b1"},
		"the one that is back at once":       {core.Limits{MaxLoaded: 2}, map[string]string{"a1": `"settings": {"load_ms": 500, "memory": 1}, `}, "a1 b1", "c1", "a1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, test.limits, nil)
			for _, id := range append(strings.Fields(test.used), test.wanted) {
				id = strings.TrimSuffix(id, "*")
				fields := test.models[id]
				if !strings.Contains(fields, "settings") {
					fields += fmt.Sprintf(`"settings": {"memory": %s}, `, id[1:])
				}
				h.model(id, strings.TrimSuffix(fields, ", "))
			}
			for _, id := range strings.Fields(test.used) {
				id, inUse := strings.CutSuffix(id, "*")
				lease := h.acquire(id, core.Ask{})
				if !inUse {
					lease.Release()
				} else {
					defer lease.Release()
				}
				if m, _ := h.Model(id); !strings.Contains(test.models[id], "load_ms") { // more than its load may have been slower by
					<-time.After(20*time.Millisecond + 2*m.History.Loading)
				}
			}
			h.use(test.wanted)
			want := append(strings.Fields(test.stay), test.wanted)
			slices.Sort(want)
			if got := h.loaded(); !slices.Equal(got, want) {
				t.Errorf("loaded are %v, want %v", got, want)
			}
			if c := h.Counts(); c.Claims != len(want) {
				t.Errorf("there is %+v", c)
			}
		})
	}
}

// loaded are the ids of what is in memory.
func (h *house) loaded() []string {
	var ids []string
	for _, m := range h.Models() {
		if m.State == core.StateRunning {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// TestNoRoomEver: what cannot be helped by waiting is said at once.
func TestNoRoomEver(t *testing.T) {
	for name, test := range map[string]struct {
		limits core.Limits
		says   string
	}{
		"too large alone":             {core.Limits{Memory: 4}, "memory budget"},
		"too large beside pinned":     {core.Limits{Memory: 6, Pinned: []string{"p"}}, "pinned ones (p)"},
		"too many beside pinned ones": {core.Limits{MaxLoaded: 1, Pinned: []string{"p"}}, "pinned ones (p)"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, test.limits, map[string]string{"p": `"settings": {"memory": 2}`, "m": `"settings": {"memory": 5}`, "small": `"settings": {"memory": 1}`})
			h.use("p")
			idle := test.limits.MaxLoaded == 0
			if idle {
				h.use("small")
			}
			_, err := h.Acquire(t.Context(), "m", core.Ask{})
			var retry *core.RetryError
			if sdk.CodeOf(err) != sdk.CodeExhausted || errors.As(err, &retry) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
			if !h.is("p", core.StateRunning) || idle && !h.is("small", core.StateRunning) {
				t.Error("a model left in vain")
			}
		})
	}
}

// TestRoomIsWaitedFor: while all are in use a load waits, nobody leaves in vain,
// and it goes on when there is room, whatever makes it.
func TestRoomIsWaitedFor(t *testing.T) {
	for name, free := range map[string]func(h *house, lease *core.Lease){
		"a lease is given back": func(_ *house, lease *core.Lease) { lease.Release() },
		"a model is stopped": func(h *house, _ *core.Lease) {
			if _, err := h.Stop(h.t.Context(), "large"); err != nil {
				h.t.Error(err)
			}
		},
		"the engine dies":  func(h *house, _ *core.Lease) { h.kill() },
		"the limits grow":  func(h *house, _ *core.Lease) { h.SetLimits(core.Limits{Memory: 20}) },
		"the limits go":    func(h *house, _ *core.Lease) { h.SetLimits(core.Limits{}) },
		"a pin is off too": func(h *house, lease *core.Lease) { h.SetLimits(core.Limits{Memory: 10}); lease.Release() },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, core.Limits{Memory: 10}, map[string]string{
				"large": `"settings": {"memory": 6}`, "small": `"settings": {"memory": 3}`, "m": `"settings": {"memory": 8}`})
			lease := h.acquire("large", core.Ask{})
			defer lease.Release()
			h.use("small")
			a := h.ask(t.Context(), "m", core.Ask{})
			h.waiting(1)
			h.until("it waits for room", func() bool { return h.Counts().RoomWaiting == 1 })
			if !h.is("small", core.StateRunning) {
				t.Error("a model left in vain")
			}
			free(h, lease)
			got := come(t, a)
			if got.err != nil {
				t.Fatal(got.err)
			}
			got.lease.Release()
		})
	}
}

// TestRoomIsNotFound: whoever waits for too long may come again.
func TestRoomIsNotFound(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"used": "", "m": ""})
	lease := h.acquire("used", core.Ask{})
	defer lease.Release()
	h.SetLimits(core.Limits{MaxLoaded: 1, LoadTimeout: 100 * time.Millisecond})
	var retry *core.RetryError
	if err := h.once("m", core.Ask{}); !errors.As(err, &retry) || retry.After <= 0 || sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if c := h.Counts(); c.RoomWaiting != 0 || c.Claims != 1 || c.Loading != 0 {
		t.Errorf("there is %+v", c)
	}
}

// TestWaitForRoomIsCalledOff: a stop ends a load that waits, and its claim.
func TestWaitForRoomIsCalledOff(t *testing.T) {
	h := open(t, core.Limits{MaxLoaded: 1}, map[string]string{"used": "", "m": ""})
	lease := h.acquire("used", core.Ask{})
	a := h.ask(context.Background(), "m", core.Ask{})
	h.until("it waits for room", func() bool { return h.Counts().RoomWaiting == 1 })
	if _, err := h.Stop(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	if got := come(t, a); sdk.CodeOf(got.err) != sdk.CodeUnavailable {
		t.Errorf("got %v", got.err)
	}
	lease.Release()
	if c := h.Counts(); c != (core.Counts{Loaded: 1, Claims: 1}) {
		t.Errorf("there is %+v", c)
	}
}

// TestPinnedLeaves: a pinned model that leaves is room to come, and not for ever taken.
func TestPinnedLeaves(t *testing.T) {
	h := open(t, core.Limits{MaxLoaded: 1}, map[string]string{"p": `"pinned": true`, "m": ""})
	for range 20 {
		h.use("p")
		stopped := make(chan error, 1)
		go func() {
			_, err := h.Stop(t.Context(), "p")
			stopped <- err
		}()
		h.until("it leaves", func() bool { return !h.is("p", core.StateRunning) })
		h.use("m")
		if err := come(t, stopped); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSmallerLimits: what is beyond new limits leaves, what is in use a little later.
func TestSmallerLimits(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"used": "", "idle": "", "loads": `"settings": {"load_ms": 300}`, "pinned": `"pinned": true`})
	lease := h.acquire("used", core.Ask{})
	h.use("idle")
	h.use("pinned")
	ctx, leave := context.WithCancel(t.Context())
	a := h.ask(ctx, "loads", core.Ask{})
	h.starting("loads")
	leave()
	come(t, a)
	h.SetLimits(core.Limits{MaxLoaded: 1})
	h.becomes("idle", core.StateReady)
	h.until("what nobody waits for any more leaves", func() bool { return slices.Equal(h.loaded(), []string{"pinned", "used"}) && h.Counts().Loading == 0 })
	lease.Release()
	h.becomes("used", core.StateReady)
	if !h.is("pinned", core.StateRunning) {
		t.Error("the pinned model left")
	}
}

// TestEveryoneGetsRoom: where one model fits at a time and many are wanted, all are
// served: who has waited for a load is served before it is evicted again.
func TestEveryoneGetsRoom(t *testing.T) {
	models := map[string]string{}
	for i := range 4 {
		models[fmt.Sprint("m", i)] = `"settings": {"n_parallel": 1, "load_ms": 10}`
	}
	h := open(t, core.Limits{MaxLoaded: 1}, models)
	served := make(chan error)
	for i := range 24 {
		go func() { served <- h.once(fmt.Sprint("m", i%4), core.Ask{Caller: fmt.Sprint(i)}) }()
	}
	for range 24 {
		if err := come(t, served); err != nil {
			t.Error(err)
		}
	}
	if n := h.log.count("model loaded"); n > 12 { // 4 where nobody came late
		t.Errorf("%d loads for 4 models", n)
	}
}
