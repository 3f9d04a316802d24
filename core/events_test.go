package core_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
)

// told returns what is told of models until one is in a state, in a few words each.
// Progress is left out.
func told(t *testing.T, s *core.Subscription, model, state string) []string {
	t.Helper()
	var all []string
	for {
		e := come(t, s.C)
		switch e.Type {
		case core.EventModelProgress, core.EventEngineState:
			continue
		case core.EventModelError:
			all = append(all, e.Model+" error")
			if state == "error" && e.Model == model {
				return all
			}
			continue
		case core.EventModelState:
		default:
			all = append(all, e.Type+" "+e.Model)
			if e.Type == state && e.Model == model {
				return all
			}
			continue
		}
		what := e.State
		if e.Transition != "" {
			what = e.Transition
		}
		all = append(all, e.Model+" "+what)
		if e.Model == model && what == state {
			return all
		}
	}
}

// TestEventsInOrder: what happens to a model is told as it happens.
func TestEventsInOrder(t *testing.T) {
	h := open(t, core.Limits{MaxLoaded: 1}, map[string]string{"a": "", "b": "", "bad": `"settings": {"refuse": "no such thing"}`, "hangs": `"settings": {"load_ms": 600000}`})
	s := h.listen(0)
	defer s.Close()
	for _, test := range []struct {
		name  string
		do    func()
		model string
		until string
		want  []string
	}{
		{"load", func() { h.use("a") }, "a", core.StateRunning, []string{"a starting", "a running"}},
		{"stop", func() { _, _ = h.Stop(t.Context(), "a") }, "a", core.StateReady, []string{"a stopping", "a ready"}},
		{"a load that fails", func() { _ = h.once("bad", core.Ask{}) }, "bad", "error", []string{"bad starting", "bad ready", "bad error"}},
		{"another settings", func() { h.use("a"); _, _ = h.Start(t.Context(), "a", core.Ask{}, map[string]any{"tokens": 3.0}) }, "a", core.TransitionStopping,
			[]string{"a starting", "a running", "a stopping"}},
		{"and again", func() {}, "a", core.StateRunning, []string{"a ready", "a starting", "a running"}},
		{"eviction", func() { h.use("b") }, "b", core.StateRunning, []string{"b starting", "a stopping", "a ready", "b running"}},
		{"a death", h.kill, "b", "error", []string{"b ready", "b error"}},
		{"a load that is called off", func() {
			h.ask(t.Context(), "hangs", core.Ask{})
			h.starting("hangs")
			_, _ = h.Stop(t.Context(), "hangs")
		}, "hangs", core.StateReady, []string{"hangs starting", "hangs ready"}},
		{"a removal", func() { h.use("a"); _ = os.RemoveAll(h.home + "/models/a") }, "a", core.TransitionStopping,
			[]string{"a starting", "a running", "model.removed a", "a stopping"}},
	} {
		test.do()
		if got := told(t, s, test.model, test.until); !slices.Equal(got, test.want) {
			t.Fatalf("%s: told was %q, want %q", test.name, got, test.want)
		}
	}
	h.Close()
	for range s.C { // it ends
	}
	if _, ok := <-h.listen(0).C; ok {
		t.Error("an event after the end")
	}
}

// TestEventsResume: who comes back gets what was missed, or is told that it is lost.
func TestEventsResume(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	s := h.listen(0)
	var all []core.Event
	for len(all) < 6 {
		_, _ = h.Start(t.Context(), "m", core.Ask{}, nil)
		_, _ = h.Stop(t.Context(), "m")
		for range 3 {
			all = append(all, come(t, s.C))
		}
	}
	s.Close()
	s.Close() // does nothing
	again := h.listen(all[1].ID)
	defer again.Close()
	for _, want := range all[2:] {
		if got := come(t, again.C); got.ID != want.ID {
			t.Fatalf("after %d came %d, want %d", all[1].ID, got.ID, want.ID)
		}
	}
	for name, after := range map[string]uint64{"of an earlier run": 7, "of a clock that was ahead": uint64(time.Now().Add(time.Hour).UnixMicro())} {
		t.Run(name, func(t *testing.T) {
			s := h.listen(after)
			defer s.Close()
			lost := come(t, s.C)
			if lost.Type != core.EventLost {
				t.Fatalf("got %+v", lost)
			}
			next := h.listen(lost.ID) // one who is cut off again
			defer next.Close()
			if len(next.C) != len(s.C) {
				t.Errorf("then there are %d events, and not %d", len(next.C), len(s.C))
			}
		})
	}
}

// TestSlowListener: it is cut off, nobody waits for it, and it can come back.
func TestSlowListener(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	slow := h.listen(0)
	for range 100 {
		h.use("m")
		if _, err := h.Stop(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
	}
	var last core.Event
	n := 0
	for e := range slow.C {
		last = e
		n++
	}
	if n < 200 || n >= 400 {
		t.Errorf("it got %d events", n)
	}
	s := h.listen(last.ID)
	defer s.Close()
	if next := come(t, s.C); next.ID != last.ID+1 {
		t.Errorf("after %d came %s", last.ID, fmt.Sprint(next))
	}
}
