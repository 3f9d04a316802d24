package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// seedVariable runs TestMachine again as it went: with the seed that a failure
// prints. What the system decides upon (threads, time) is not in it.
const seedVariable = "ENGINEBAY_SEED"

// machine is what the drivers of TestMachine know.
type machine struct {
	*house
	calm   bool // nothing is stopped, killed, removed, or started with other settings: no lease breaks off
	models []string

	folders sync.Mutex
}

// A step is something that a person, a client or fate does.
type step struct {
	weight int
	wild   bool // not in a calm run
	do     func(*machine, *rand.Rand) error
}

var steps = []step{
	{40, false, (*machine).request},
	{6, false, (*machine).start},
	{5, true, (*machine).restart},
	{6, true, (*machine).stop},
	{4, false, (*machine).limit},
	{1, true, (*machine).murder},
	{1, false, (*machine).reconfigure},
	{2, false, (*machine).ration},
	{10, false, (*machine).route},
	{2, true, (*machine).remove},
	{4, false, (*machine).look},
	{2, false, (*machine).listen},
}

// TestMachine has several drivers do at random what can be done, and looks whether
// the runtime is whole then.
func TestMachine(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"calm", "wild", "cut short"} {
		t.Run(kind, func(t *testing.T) {
			t.Logf("run it again with %s=%d", seedVariable, seed)
			m := &machine{house: open(t, core.Limits{}, nil), calm: kind == "calm", models: []string{"a", "b", "c", "d"}}
			for _, id := range m.models {
				m.create(id)
			}
			m.write("models/routed/model.json", `{"targets": [{"model": "a"}, {"model": "b"}, {"model": "inner"}], "routing": "spread", "cool_down": "1ms"}`)
			m.write("models/inner/model.json", `{"targets": [{"model": "c"}, {"model": "d"}], "cool_down": "1ms"}`)
			m.house.start("a") // from now on a file that is refused changes nothing
			history := m.house.listen(0)
			if kind == "cut short" {
				m.drive(seed, m.Close)
			} else {
				m.drive(seed, func() {})
				m.settle()
				m.Close()
			}
			checkHistory(t, history)
		})
	}
}

// drive has the drivers take their steps, and one do something else in the middle.
// None may be stuck.
func (m *machine) drive(seed uint64, middle func()) {
	const drivers, each = 6, 180
	var wait sync.WaitGroup
	for n := range uint64(drivers) {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(seed, n))
			for i := range each {
				if n == 0 && i == each/2 {
					middle()
				}
				if err := m.step(random); err != nil {
					m.t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wait.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		panic(fmt.Sprintf("a driver is stuck: %+v\n%s", m.Counts(), m.log)) // with all goroutines
	}
}

func (m *machine) step(random *rand.Rand) error {
	all := 0
	for _, s := range steps {
		all += s.weight
	}
	for {
		n := random.IntN(all)
		for _, s := range steps {
			if n -= s.weight; n >= 0 {
				continue
			}
			if s.wild && m.calm {
				break
			}
			return s.do(m, random)
		}
	}
}

// settle sets things right, and looks whether they are.
func (m *machine) settle() {
	m.SetLimits(core.Limits{})
	m.until("the engine has no limits", func() bool {
		return m.ChangeDeployment(m.t.Context(), "echo", map[string]any{"limits": map[string]any{"concurrency": 9}}) == nil
	})
	for _, id := range m.models {
		m.until(id+" can be loaded", func() bool {
			_, err := m.Start(m.t.Context(), id, core.Ask{KeepAlive: forever()}, nil) // a request may have said how long
			return err == nil
		})
		m.use(id)
	}
	want := core.Counts{Loaded: len(m.models), Claims: len(m.models)}
	for _, model := range m.Models() {
		want.Memory += model.Memory
	}
	m.until(fmt.Sprintf("all is given back: %+v", want), func() bool { return m.Counts() == want })
	if busy, waiting := m.Gate("echo"); busy != 0 || waiting != 0 {
		m.t.Errorf("of the engine's slots %d are taken, and %d wait", busy, waiting)
	}
	for _, id := range []string{"routed", "inner"} {
		model, err := m.Model(id)
		for _, target := range model.Route {
			if target.Requests != 0 {
				m.t.Errorf("%s has %d requests at %s", id, target.Requests, target.ID)
			}
		}
		if err != nil || len(model.Route) == 0 {
			m.t.Errorf("%s: %v", id, err)
		}
	}
}

func (m *machine) create(id string) {
	memory := map[string]int{"a": 1, "b": 2, "c": 4, "d": 8}[id]
	file := filepath.Join(m.home, id+".new")
	content := fmt.Sprintf(`{"engine": "echo", "format": "api", "settings": {"memory": %d, "n_parallel": %d, "load_ms": %d}}`, memory, 1+memory/2%2, memory)
	dir := filepath.Join(m.home, "models", id)
	err := errors.Join(os.WriteFile(file, []byte(content), 0o600), os.MkdirAll(dir, 0o700), os.Rename(file, filepath.Join(dir, "model.json")))
	if err != nil {
		m.t.Error(err)
	}
}

func (m *machine) any(random *rand.Rand) string { return m.models[random.IntN(len(m.models))] }

// patience is the context of a caller, who leaves early now and then.
func patience(random *rand.Rand) (context.Context, context.CancelFunc) {
	if random.IntN(4) > 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(random.IntN(30))*time.Millisecond)
}

// request takes a lease and sends a request, or holds it for a while.
func (m *machine) request(random *rand.Rand) error {
	ctx, cancel := patience(random)
	defer cancel()
	ask := core.Ask{Caller: fmt.Sprint(random.IntN(3)), Unqueued: random.IntN(8) == 0}
	if random.IntN(3) == 0 {
		ask.KeepAlive = []*time.Duration{span(0), span(3 * time.Millisecond), forever()}[random.IntN(3)]
	}
	lease, err := m.Acquire(ctx, m.any(random), ask)
	if err != nil {
		return m.allowed(ctx, err)
	}
	defer lease.Release()
	resp, err := lease.Post(ctx, core.Request{Operation: sdk.OpChat, ContentType: "application/json", Stream: true,
		Body: []byte(`{"stream": true, "messages": [{"content": "one two three"}]}`)})
	if err == nil {
		var answer []byte
		answer, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && !strings.HasSuffix(string(answer), "data: [DONE]\n\n") {
			err = fmt.Errorf("the answer was %s", answer)
		}
	}
	if err != nil && m.calm && ctx.Err() == nil {
		return fmt.Errorf("a lease broke off: %w (stopped: %v)", err, lease.Stopped())
	}
	return nil
}

// allowed returns an error that should not have been.
func (m *machine) allowed(ctx context.Context, err error) error {
	code := sdk.CodeOf(err)
	switch {
	case err == nil, code == sdk.CodeCanceled && ctx.Err() != nil, code == sdk.CodeExhausted:
		return nil
	case !m.calm && (code == sdk.CodeUnavailable || code == sdk.CodeNotFound):
		return nil
	}
	return fmt.Errorf("got %s: %w", code, err)
}

func (m *machine) start(random *rand.Rand) error {
	ctx, cancel := patience(random)
	defer cancel()
	_, err := m.Start(ctx, m.any(random), core.Ask{}, nil)
	return m.allowed(ctx, err)
}

// restart starts with other settings.
func (m *machine) restart(random *rand.Rand) error {
	ctx, cancel := patience(random)
	defer cancel()
	_, err := m.Start(ctx, m.any(random), core.Ask{}, map[string]any{"n_parallel": float64(random.IntN(3)), "memory": float64(random.IntN(6))})
	return m.allowed(ctx, err)
}

func (m *machine) stop(random *rand.Rand) error {
	ctx, cancel := patience(random)
	defer cancel()
	_, err := m.Stop(ctx, m.any(random))
	return m.allowed(ctx, err)
}

func (m *machine) limit(random *rand.Rand) error {
	l := core.Limits{MaxLoaded: random.IntN(4), Memory: []uint64{0, 7, 9, 12}[random.IntN(4)], QueuePerSlot: 1 + random.IntN(3),
		LoadTimeout: time.Duration(100+random.IntN(900)) * time.Millisecond,
		KeepAlive:   []*time.Duration{nil, span(0), span(2 * time.Millisecond), span(time.Hour)}[random.IntN(4)]}
	if m.calm { // who waits for room gets it, however late
		l.LoadTimeout = time.Hour
	}
	if random.IntN(4) == 0 {
		l.Pinned = []string{m.any(random)}
	}
	m.SetLimits(l)
	return nil
}

func (m *machine) murder(*rand.Rand) error {
	m.kill()
	return nil
}

// reconfigure changes the engine's file, by hand or not, or restarts the engine. Some
// changes are refused.
func (m *machine) reconfigure(random *rand.Rand) error {
	if random.IntN(3) > 0 { // each starts a process, which takes longer than all else here
		return m.look(random)
	}
	content := map[string]any{"settings": map[string]any{"first_token_ms": random.IntN(5)}}
	switch random.IntN(6) {
	case 0:
		content["isolation"] = "model"
	case 1:
		content["settings"] = map[string]any{"tokens": "many"}
	case 2:
		content = map[string]any{"parameters": map[string]any{"top_p": random.Float64()}}
	}
	var err error
	switch random.IntN(4) {
	case 0:
		err = m.RestartDeployment(context.Background(), "echo")
	case 1:
		text, _ := json.Marshal(content)
		file := filepath.Join(m.home, "engines", fmt.Sprintf("new%d", random.Uint64()))
		err = errors.Join(os.WriteFile(file, text, 0o600), os.Rename(file, filepath.Join(m.home, "engines", "echo.json")))
	default:
		err = m.ChangeDeployment(context.Background(), "echo", content)
	}
	if m.Closed() || sdk.CodeOf(err) == sdk.CodeInvalid {
		return nil
	}
	return err
}

// ration changes the engine's limits by hand, and nothing else.
func (m *machine) ration(random *rand.Rand) error {
	m.folders.Lock()
	defer m.folders.Unlock()
	file := filepath.Join(m.home, "engines", "echo.json")
	content := map[string]any{}
	if text, err := os.ReadFile(file); err == nil {
		_ = json.Unmarshal(text, &content)
	}
	delete(content, "limits")
	limits := map[string]any{}
	for name, most := range map[string]int{"concurrency": 3, "queue": 4, "max_loaded": 4} {
		if random.IntN(2) == 0 {
			limits[name] = 1 + random.IntN(most)
		}
	}
	if random.IntN(8) == 0 {
		limits["requests_per_minute"] = 5
	}
	if len(limits) > 0 {
		content["limits"] = limits
	} else {
		content["description"] = "without limits"
	}
	text, err := json.Marshal(content)
	m.write("engines/echo.json", string(text))
	return err
}

// route sends a request to a routed model, some of whose targets are said to fail.
func (m *machine) route(random *rand.Rand) error {
	ctx, cancel := patience(random)
	defer cancel()
	route, err := m.Route("routed")
	if err != nil || route == nil {
		return m.allowed(ctx, err)
	}
	defer route.Leave()
	for route.Next() {
		lease, err := route.Acquire(ctx, core.Ask{Caller: fmt.Sprint(random.IntN(3))})
		switch {
		case err == nil && random.IntN(3) == 0:
			route.Failed(errors.New("it is said to fail"), time.Duration(random.IntN(2))*time.Millisecond)
			lease.Release()
		case err == nil:
			route.Answered(lease)
			lease.Release()
			return nil
		case ctx.Err() != nil || m.Closed():
			return m.allowed(ctx, err)
		default:
			if err := m.allowed(ctx, err); err != nil {
				return err
			}
			route.Failed(err, 0)
		}
	}
	return nil
}

// remove removes a model's folder, and makes it again.
func (m *machine) remove(random *rand.Rand) error {
	m.folders.Lock()
	defer m.folders.Unlock()
	id := m.any(random)
	err := os.RemoveAll(filepath.Join(m.home, "models", id))
	if random.IntN(2) == 0 {
		err = errors.Join(err, m.request(random))
	}
	m.create(id)
	return err
}

// look reads what there is to be seen.
func (m *machine) look(random *rand.Rand) error {
	for _, model := range m.Models() {
		if model.Slots > 0 && model.Requests > model.Slots {
			return fmt.Errorf("%s works on %d requests, and has %d slots", model.ID, model.Requests, model.Slots)
		}
	}
	m.Engines()
	_, err := m.Model(m.any(random))
	return m.allowed(context.Background(), err)
}

// listen reads a few events, and leaves.
func (m *machine) listen(random *rand.Rand) error {
	s := m.house.listen(uint64(random.IntN(2)))
	defer s.Close()
	var last uint64
	for range random.IntN(20) {
		select {
		case e, ok := <-s.C:
			if !ok && m.Closed() {
				return nil
			}
			if !ok || e.ID <= last {
				return fmt.Errorf("after event %d came %+v (%v)", last, e, ok)
			}
			last = e.ID
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// before says what a model can have been before it is something.
var before = map[string]string{
	core.TransitionStarting: core.StateReady + " " + core.TransitionStopping, // beside what was replaced
	core.StateRunning:       core.TransitionStarting,
	core.TransitionStopping: core.StateRunning + " " + core.TransitionStarting, // what has just come may be replaced
	core.StateReady:         strings.Join([]string{core.TransitionStarting, core.TransitionStopping, core.StateRunning}, " "),
}

// checkHistory looks whether the events tell a story that can be. A run has more of
// them than are kept for a listener that does not listen: it is then cut off, and
// what there is counts.
func checkHistory(t *testing.T, s *core.Subscription) {
	t.Helper()
	was := map[string]string{}
	var last uint64
	for e := range s.C {
		if e.ID <= last {
			t.Errorf("event %d comes after %d", e.ID, last)
		}
		last = e.ID
		now := e.Transition
		if now == "" {
			now = e.State
		}
		switch old, seen := was[e.Model]; {
		case e.Type == core.EventModelProgress && old != core.TransitionStarting,
			e.Type == core.EventModelError && old != core.StateReady,
			e.Type == core.EventModelState && seen && !strings.Contains(before[now], old):
			t.Errorf("it was %q, and then came %+v", old, e)
		}
		if e.Type == core.EventModelState {
			was[e.Model] = now
		}
	}
	if last == 0 {
		t.Error("nothing was told")
	}
}
