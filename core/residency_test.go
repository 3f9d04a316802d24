package core_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

func TestLoadsOnceForAllWhoAsk(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"load_ms": 200}`})
	var all []<-chan asked
	for range 30 {
		all = append(all, h.ask(t.Context(), "m", core.Ask{}))
	}
	for _, c := range all {
		a := come(t, c)
		if a.err != nil {
			t.Fatal(a.err)
		}
		a.lease.Release()
		a.lease.Release() // does nothing
	}
	if n := h.log.count("model loaded"); n != 1 {
		t.Errorf("loaded %d times", n)
	}
	if c := h.Counts(); c != (core.Counts{Loaded: 1, Claims: 1}) {
		t.Errorf("there is %+v", c)
	}
}

// TestKeepAlive: who says how long a model stays, the nearest first.
func TestKeepAlive(t *testing.T) {
	const soon, never = `"keep_alive": "40ms"`, `"keep_alive": "forever"`
	for name, test := range map[string]struct {
		server, asks *time.Duration
		pins         bool
		model, echo  string // the model's file, the deployment's
		stays        bool
	}{
		"nobody says":                   {stays: true},
		"the server":                    {server: span(40 * time.Millisecond)},
		"the server: at once":           {server: span(0)},
		"the server: for ever":          {server: span(-time.Hour), stays: true},
		"deployment over server":        {server: span(time.Hour), echo: `{"limits": {"keep_alive": "40ms"}}`},
		"deployment: for ever":          {server: span(40 * time.Millisecond), echo: `{"limits": {"keep_alive": "forever"}}`, stays: true},
		"deployment by its older name":  {server: span(time.Hour), echo: `{"limits": {"idle_unload": "40ms"}}`},
		"model over deployment":         {model: never, echo: `{"limits": {"keep_alive": "40ms"}}`, stays: true},
		"model over server":             {server: span(time.Hour), model: soon},
		"model: at once":                {server: span(time.Hour), model: `"keep_alive": "0s"`},
		"request over model":            {asks: span(40 * time.Millisecond), model: never},
		"request: at once":              {asks: span(0), model: never},
		"request: for ever":             {asks: span(-5 * time.Second), model: soon, stays: true},
		"pinned by its file":            {server: span(time.Millisecond), model: soon + `, "pinned": true`, stays: true},
		"pinned by the server":          {server: span(time.Millisecond), pins: true, stays: true},
		"a request unpins no pinned":    {asks: span(0), pins: true, stays: true},
		"a pinned one is not 0 at load": {server: span(0), pins: true, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := core.Limits{KeepAlive: test.server}
			if test.pins {
				limits.Pinned = []string{"m"}
			}
			h := open(t, limits, map[string]string{"m": test.model})
			if test.echo != "" {
				h.write("engines/echo.json", test.echo)
			}
			lease := h.acquire("m", core.Ask{KeepAlive: test.asks})
			if m, _ := h.Model("m"); m.Expires != 0 {
				t.Errorf("in use it expires at %d", m.Expires)
			}
			lease.Release()
			if !test.stays {
				h.becomes("m", core.StateReady)
				if m, _ := h.Model("m"); m.History.Evictions != 1 {
					t.Errorf("it left %d times", m.History.Evictions)
				}
				return
			}
			if m, _ := h.Model("m"); m.State != core.StateRunning || m.Expires != 0 || m.Pinned != (test.pins || strings.Contains(test.model, "pinned")) {
				t.Errorf("it is %s, expires at %d, pinned is %v", m.State, m.Expires, m.Pinned)
			}
		})
	}
}

// TestKeepAliveNothing: a model that leaves at once is loaded once for all who
// waited for it, and not once for each or for ever.
func TestKeepAliveNothing(t *testing.T) {
	h := open(t, core.Limits{KeepAlive: span(0)}, map[string]string{"m": `"settings": {"load_ms": 30}`})
	for range 20 {
		loads := h.log.count("model loaded")
		held := h.acquire("m", core.Ask{})
		held.Release()
		h.becomes("m", core.StateReady)
		if n := h.log.count("model loaded") - loads; n != 1 {
			t.Fatalf("one request loaded the model %d times", n)
		}
	}
}

// TestKeepAliveChanges: new limits count for models that rest already, from when
// they were used last.
func TestKeepAliveChanges(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": "", "used": ""})
	lease := h.acquire("used", core.Ask{})
	h.use("m")
	h.SetLimits(core.Limits{KeepAlive: span(time.Hour)})
	before, _ := h.Model("m")
	if want := time.Now().Add(time.Hour).Unix(); before.Expires < want-5 || before.Expires > want {
		t.Errorf("it expires at %d, want %d", before.Expires, want)
	}
	h.SetLimits(core.Limits{KeepAlive: span(time.Hour), Pinned: []string{"m"}})
	if m, _ := h.Model("m"); m.Expires != 0 || !m.Pinned {
		t.Errorf("pinned, it expires at %d", m.Expires)
	}
	h.SetLimits(core.Limits{KeepAlive: span(20 * time.Millisecond)})
	h.becomes("m", core.StateReady)
	if !h.is("used", core.StateRunning) {
		t.Error("a model in use left")
	}
	lease.Release()
	h.becomes("used", core.StateReady)
}

// TestClockThatRanOut: limits that change in the moment of an idle clock's end
// do not unload what now stays.
func TestClockThatRanOut(t *testing.T) {
	h := open(t, core.Limits{KeepAlive: span(time.Hour)}, map[string]string{"m": ""})
	h.use("m")
	for name, limits := range map[string]core.Limits{"stopped": {}, "set anew": {KeepAlive: span(2 * time.Hour)}} {
		h.SetLimits(limits)
		h.RanOut("m")
		if !h.is("m", core.StateRunning) {
			t.Fatalf("a model left whose clock was %s", name)
		}
	}
}

func TestStopCallsOffALoad(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"load_ms": 600000}`})
	for range 3 {
		a := h.ask(t.Context(), "m", core.Ask{})
		h.starting("m")
		if m, err := h.Stop(t.Context(), "m"); err != nil || m.State != core.StateReady || m.Transition != "" || m.Status.Err != nil {
			t.Fatalf("stopped: %+v, %v", m.Status, err)
		}
		if got := come(t, a); sdk.CodeOf(got.err) != sdk.CodeUnavailable || !strings.Contains(got.err.Error(), "stopped") {
			t.Errorf("who waited got %v", got.err)
		}
	}
	if m, err := h.Stop(t.Context(), "m"); err != nil || m.State != core.StateReady {
		t.Errorf("stopped once more: %+v, %v", m.Status, err)
	}
}

// TestCallerLeaves: the load goes on for those who come after.
func TestCallerLeaves(t *testing.T) {
	h := open(t, core.Limits{KeepAlive: span(50 * time.Millisecond)}, map[string]string{"m": `"settings": {"load_ms": 300}`})
	ctx, leave := context.WithCancel(t.Context())
	a := h.ask(ctx, "m", core.Ask{})
	h.starting("m")
	leave()
	if got := come(t, a); sdk.CodeOf(got.err) != sdk.CodeCanceled {
		t.Errorf("who left got %v", got.err)
	}
	h.use("m")
	h.becomes("m", core.StateReady)
	if n := h.log.count("model loaded"); n != 1 {
		t.Errorf("loaded %d times", n)
	}
}

// TestNobodyIsLeft: a model that everybody left while it loaded does not stay for
// ever, nor does it take another's room.
func TestNobodyIsLeft(t *testing.T) {
	h := open(t, core.Limits{MaxLoaded: 1, KeepAlive: span(300 * time.Millisecond)}, map[string]string{"m": `"settings": {"load_ms": 200}`, "other": ""})
	ctx, leave := context.WithCancel(t.Context())
	a := h.ask(ctx, "m", core.Ask{KeepAlive: forever()})
	h.starting("m")
	leave()
	come(t, a)
	h.use("other")
	h.use("m")
	h.becomes("m", core.StateReady)
}

// TestStartWithOtherSettings: a start of another kind makes the model run with
// these, also when requests wait for a slot; they go on with the new ones.
func TestStartWithOtherSettings(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"n_parallel": 1}`})
	lease := h.acquire("m", core.Ask{})
	served := make(chan error)
	for range 8 {
		go func() { served <- h.once("m", core.Ask{}) }()
	}
	h.waiting(8)
	m, err := h.Start(t.Context(), "m", core.Ask{}, map[string]any{"n_parallel": 3.0, "tokens": 7.0})
	if err != nil || m.Slots != 3 || m.Settings["tokens"] != 7.0 {
		t.Fatalf("started with %+v, %v", m.Status, err)
	}
	if !lease.Stopped() {
		t.Error("the lease of before still stands")
	}
	lease.Release()
	for range 8 {
		if err := come(t, served); err != nil {
			t.Errorf("who waited got %v", err)
		}
	}
	if n := h.log.count("model loaded"); n != 2 {
		t.Errorf("loaded %d times, want 2", n)
	}
	if _, err := h.Start(t.Context(), "m", core.Ask{}, map[string]any{"n_parallel": 3.0, "tokens": 7.0}); err != nil {
		t.Error(err)
	}
	if _, err := h.Start(t.Context(), "m", core.Ask{}, nil); err != nil {
		t.Error(err)
	}
	if n := h.log.count("model loaded"); n != 2 {
		t.Errorf("a start of the same kind loaded it again")
	}
}

// TestWrongStart: settings that cannot be leave a model as it runs.
func TestWrongStart(t *testing.T) {
	h := open(t, core.Limits{Memory: 1000}, map[string]string{"m": `"settings": {"memory": 10}`})
	lease := h.acquire("m", core.Ask{})
	defer lease.Release()
	for name, test := range map[string]struct {
		settings map[string]any
		code     sdk.Code
	}{
		"of a wrong kind":   {map[string]any{"tokens": "many"}, sdk.CodeInvalid},
		"misspelt":          {map[string]any{"n_paralel": 2.0}, sdk.CodeInvalid},
		"too much memory":   {map[string]any{"memory": 2000.0}, sdk.CodeExhausted},
		"a deployment's":    {map[string]any{"ignore_sigterm": true}, sdk.CodeInvalid},
		"below its minimum": {map[string]any{"ctx_len": -1.0}, sdk.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := h.Start(t.Context(), "m", core.Ask{}, test.settings); sdk.CodeOf(err) != test.code {
				t.Errorf("got %v (%s)", err, sdk.CodeOf(err))
			}
			if lease.Stopped() || !h.is("m", core.StateRunning) {
				t.Error("the model left")
			}
		})
	}
}

func TestStopWhileRequestsWait(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"n_parallel": 1}`})
	lease := h.acquire("m", core.Ask{})
	var waiting []<-chan asked
	for range 5 {
		waiting = append(waiting, h.ask(t.Context(), "m", core.Ask{}))
	}
	h.waiting(5)
	if _, err := h.Stop(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	for _, c := range waiting {
		if got := come(t, c); sdk.CodeOf(got.err) != sdk.CodeUnavailable || !strings.Contains(got.err.Error(), "was stopped") {
			t.Errorf("who waited got %v", got.err)
		}
	}
	lease.Release()
	if !h.is("m", core.StateReady) {
		t.Error("a request that waited has loaded the model again")
	}
}

// TestEngineDies: whoever is there when the engine ends, the next request works.
func TestEngineDies(t *testing.T) {
	t.Run("while it is idle", func(t *testing.T) {
		h := open(t, core.Limits{MaxLoaded: 1}, map[string]string{"m": `"pinned": true`})
		for range 3 {
			h.start("m")
			h.kill()
			h.becomes("m", core.StateReady)
			if m, _ := h.Model("m"); m.Status.Err == nil {
				t.Error("nothing is said of it")
			}
			h.use("m") // also at once, when what it had is not free yet
		}
	})
	t.Run("and is not found out yet", func(t *testing.T) {
		h := open(t, core.Limits{MaxLoaded: 1}, map[string]string{"m": "", "other": ""})
		h.use("m")
		h.kill()
		h.use("other")
	})
	t.Run("while requests wait", func(t *testing.T) {
		h := open(t, core.Limits{QueuePerSlot: 6}, map[string]string{"m": `"settings": {"n_parallel": 1}`})
		lease := h.acquire("m", core.Ask{})
		served := make(chan error)
		for range 6 {
			go func() { served <- h.once("m", core.Ask{}) }()
		}
		h.waiting(6)
		h.kill()
		if !lease.Gone(t.Context()) {
			t.Error("the lease does not notice")
		}
		lease.Release()
		for range 6 {
			if err := come(t, served); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("while it leaves", func(t *testing.T) {
		h := open(t, core.Limits{}, map[string]string{"m": ""})
		for range 5 {
			h.start("m")
			done := make(chan error, 1)
			go func() {
				_, err := h.Stop(t.Context(), "m")
				done <- err
			}()
			h.kill()
			if err := come(t, done); err != nil {
				t.Error(err)
			}
			h.becomes("m", core.StateReady)
		}
	})
	t.Run("while it loads", func(t *testing.T) {
		h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"load_ms": 300}`})
		a := h.ask(t.Context(), "m", core.Ask{})
		h.starting("m")
		h.kill()
		if got := come(t, a); sdk.CodeOf(got.err) != sdk.CodeUnavailable {
			t.Errorf("got %v", got.err)
		}
		h.use("m")
	})
	t.Run("by itself, and its process lives", func(t *testing.T) {
		h := open(t, core.Limits{MaxLoaded: 1}, map[string]string{"m": `"settings": {"end_after_ms": 50}`})
		for range 3 {
			h.use("m")
			h.becomes("m", core.StateReady)
		}
	})
}

func TestPreload(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"a": "", "bad": `"settings": {"refuse": "no such thing"}`, "b": ""})
	h.Preload(t.Context(), []string{"a", "none", "bad", "b"})
	h.becomes("b", core.StateRunning)
	if !h.is("a", core.StateRunning) || h.log.count("model not preloaded") != 2 {
		t.Error("not as it should be")
	}
}

// TestRemovedWhileItLoads: nobody could name it any more.
func TestRemovedWhileItLoads(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"load_ms": 1000}`})
	a := h.ask(t.Context(), "m", core.Ask{})
	h.starting("m")
	if err := os.RemoveAll(h.home + "/models/m"); err != nil {
		t.Fatal(err)
	}
	if got := come(t, a); got.err == nil {
		got.lease.Release()
	}
	h.until("it is gone", func() bool { return h.Counts() == core.Counts{} })
}

// TestClose: it ends all, wherever it is, and soon.
func TestClose(t *testing.T) {
	h := open(t, core.Limits{MaxLoaded: 2}, map[string]string{
		"busy": `"settings": {"n_parallel": 1}`, "loads": `"settings": {"load_ms": 600000}`, "waits": "", "preloaded": ""})
	lease := h.acquire("busy", core.Ask{})
	var all []<-chan asked
	for _, id := range []string{"busy", "busy", "loads", "loads"} {
		all = append(all, h.ask(context.Background(), id, core.Ask{}))
	}
	h.starting("loads")
	all = append(all, h.ask(context.Background(), "waits", core.Ask{}))
	h.Preload(context.Background(), []string{"preloaded", "waits"})
	h.waiting(6)
	began := time.Now()
	h.Close()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, c := range all {
		if got := come(t, c); sdk.CodeOf(got.err) != sdk.CodeUnavailable {
			t.Errorf("who waited got %v", got.err)
		}
	}
	lease.Release()
	if _, err := h.Acquire(context.Background(), "busy", core.Ask{}); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
	if _, err := h.Start(context.Background(), "waits", core.Ask{}, nil); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
	h.SetLimits(core.Limits{})
}

// TestCloseBars: what leaves at the end makes no room for a load that waited, and
// one that arrives meanwhile is handed out to nobody.
func TestCloseBars(t *testing.T) {
	for name, load := range map[string]func(h *house) (<-chan asked, func()){
		"a load that waits for room": func(h *house) (<-chan asked, func()) {
			lease := h.acquire("used", core.Ask{})
			a := h.ask(t.Context(), "m", core.Ask{})
			h.until("it waits for room", func() bool { return h.Counts().RoomWaiting == 1 })
			return a, lease.Release
		},
		"a load that is under way": func(h *house) (<-chan asked, func()) {
			a := h.ask(t.Context(), "m", core.Ask{})
			h.starting("m")
			return a, func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, core.Limits{MaxLoaded: 1}, map[string]string{"used": "", "m": `"settings": {"load_ms": 300}`})
			a, vacate := load(h)
			h.Bar()
			vacate()
			if got := come(t, a); sdk.CodeOf(got.err) != sdk.CodeUnavailable {
				t.Errorf("who waited got %v", got.err)
			}
			if n := h.log.count("model=m engine"); name == "a load that waits for room" && n != 0 {
				t.Error("it was loaded for nobody")
			}
			h.Close()
		})
	}
}

// TestLoadTimeout: a load that takes too long can be asked for again.
func TestLoadTimeout(t *testing.T) {
	h := open(t, core.Limits{LoadTimeout: 300 * time.Millisecond}, map[string]string{"m": `"settings": {"hang_on": "load"}`})
	_, err := h.Acquire(t.Context(), "m", core.Ask{})
	var retry *core.RetryError
	if !errors.As(err, &retry) || retry.After <= 0 || sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}
