package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// put changes a deployment as the API does.
func (h *house) put(id, content string) {
	h.t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(content), &doc); err != nil {
		h.t.Fatal(err)
	}
	if err := h.ChangeDeployment(h.t.Context(), id, doc); err != nil {
		h.t.Fatalf("change %s: %v", id, err)
	}
}

// edit changes a deployment's file as a person does, and waits until that is noticed.
func (h *house) edit(id, content string) core.Event {
	h.t.Helper()
	s := h.listen(0)
	defer s.Close()
	file := filepath.Join(h.home, "engines", id+".json")
	if content == "" {
		if err := os.Remove(file); err != nil {
			h.t.Fatal(err)
		}
	} else {
		h.write("engines/"+id+".json", content)
	}
	return h.changed(s, id)
}

// changed waits for the news of a deployment's change.
func (h *house) changed(s *core.Subscription, id string) core.Event {
	h.t.Helper()
	for {
		if e := come(h.t, s.C); e.Type == core.EventEngineChanged && e.Engine == id {
			return e
		}
	}
}

func (h *house) on(engine string, models ...string) {
	h.t.Helper()
	for _, id := range models {
		h.write("models/"+id+"/model.json", `{"engine": "`+engine+`", "format": "api"}`)
	}
}

// pids are those of a deployment's processes.
func (h *house) pids(id string) []int {
	h.t.Helper()
	return h.engine(id).Process.Pids
}

// stream is an answer on its way.
type stream struct {
	t    testing.TB
	resp *http.Response
}

func (h *house) stream(lease *core.Lease) *stream {
	h.t.Helper()
	resp, err := lease.Post(h.t.Context(), core.Request{Operation: sdk.OpChat, ContentType: "application/json", Stream: true,
		Body: []byte(`{"stream": true, "messages": [{"content": "hi"}]}`)})
	if err != nil {
		h.t.Fatal(err)
	}
	return &stream{h.t, resp}
}

// tokens reads to the end, which must be one.
func (s *stream) tokens() int {
	s.t.Helper()
	defer s.resp.Body.Close()
	text, err := io.ReadAll(s.resp.Body)
	if err != nil || !strings.HasSuffix(string(text), "data: [DONE]\n\n") {
		s.t.Errorf("the stream broke off (%v): %s", err, text)
	}
	return strings.Count(string(text), "echo ")
}

// answers is how many tokens a new request gets.
func (h *house) answers(id string) int {
	h.t.Helper()
	lease := h.acquire(id, core.Ask{})
	defer lease.Release()
	return h.stream(lease).tokens()
}

// TestChangeWhileItStreams: what is in flight ends on the old process, what comes is
// answered by the new one, and no other deployment hears of it.
func TestChangeWhileItStreams(t *testing.T) {
	const after = `{"engine": "echo", "settings": {"tokens": 3}}`
	for name, test := range map[string]struct {
		change func(h *house)
		tokens int
	}{
		"by the API": {func(h *house) { h.put("one", after) }, 3},
		"by hand":    {func(h *house) { h.edit("one", after) }, 3},
		"a restart": {func(h *house) {
			if err := h.RestartDeployment(h.t.Context(), "one"); err != nil {
				h.t.Fatal(err)
			}
		}, 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, core.Limits{}, map[string]string{"other": `"settings": {"tokens": 50, "tokens_per_second": 100}`})
			h.edit("one", `{"engine": "echo", "settings": {"tokens": 40, "tokens_per_second": 80}}`)
			h.on("one", "m")
			lease, another := h.acquire("m", core.Ask{}), h.acquire("other", core.Ask{})
			long, theirs := h.stream(lease), h.stream(another)
			old, others := h.engine("one").Process.Pid, h.engine("echo").Process.Pid
			test.change(h)
			if n := h.answers("m"); n != test.tokens {
				t.Errorf("the new one answers with %d tokens", n)
			}
			e := h.engine("one")
			if e.Process.Pid == old || len(e.Process.Pids) != 2 || !slices.Contains(e.Process.Pids, old) || !slices.Equal(e.Models, []string{"m"}) {
				t.Errorf("the processes are %+v, of before was %d; loaded is %v", e.Process, old, e.Models)
			}
			if m, _ := h.Model("m"); m.Ending != 1 || m.State != core.StateRunning {
				t.Errorf("the model is %s, and %d requests end", m.State, m.Ending)
			}
			if n := long.tokens(); n != 40 || lease.Stopped() {
				t.Errorf("of the old one came %d tokens", n)
			}
			lease.Release()
			h.until("the old process is gone", func() bool { return slices.Equal(h.pids("one"), []int{e.Process.Pid}) })
			if n := theirs.tokens(); n != 50 || another.Stopped() || h.engine("echo").Process.Pid != others {
				t.Errorf("of the other deployment came %d tokens", n)
			}
			another.Release()
			if e := h.engine("one"); e.Process.Crashes != 0 || e.Process.Restarts != 0 || e.Refused != nil {
				t.Errorf("it is %+v, %v", e.Process, e.Refused)
			}
			h.until("nothing is left of it", func() bool { return h.Counts() == core.Counts{Loaded: 2, Claims: 2} })
		})
	}
}

// TestChangeWhenIdle: nobody uses the old one: it leaves at once.
func TestChangeWhenIdle(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.use("m")
	old := h.engine("echo").Process.Pid
	h.edit("echo", `{"settings": {"tokens": 3}}`)
	h.becomes("m", core.StateReady)
	h.until("the old process is gone", func() bool { return len(h.pids("echo")) == 0 })
	if n := h.answers("m"); n != 3 || h.engine("echo").Process.Pid == old {
		t.Errorf("%d tokens", n)
	}
	h.edit("echo", "") // its own settings again
	if n := h.answers("m"); n == 3 {
		t.Error("the file is gone, and its settings are in force")
	}
}

// TestChangeOfWhoWaits: the queue goes over to the new one, and waits for no old request.
func TestChangeOfWhoWaits(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.edit("echo", `{"settings": {"n_parallel": 1}}`)
	lease := h.acquire("m", core.Ask{})
	defer lease.Release()
	var all []<-chan asked
	for range 5 {
		all = append(all, h.ask(t.Context(), "m", core.Ask{}))
	}
	h.waiting(5)
	h.put("echo", `{"settings": {"n_parallel": 8}}`)
	for _, c := range all {
		got := come(t, c)
		if got.err != nil {
			t.Fatal(got.err)
		}
		defer got.lease.Release()
	}
	if c := h.Counts(); c.Leases != 6 || c.Claims != 2 || lease.Stopped() {
		t.Errorf("there is %+v", c)
	}
}

// TestChangeWaitsForRoom: where both do not fit, the new one comes when the old one has left.
func TestChangeWaitsForRoom(t *testing.T) {
	for name, limits := range map[string]core.Limits{"number": {MaxLoaded: 1}, "memory": {Memory: 15}} {
		t.Run(name, func(t *testing.T) {
			h := open(t, limits, map[string]string{"m": `"settings": {"memory": 10}`})
			lease := h.acquire("m", core.Ask{})
			h.put("echo", `{"settings": {"tokens": 3}}`)
			a := h.ask(t.Context(), "m", core.Ask{})
			h.until("it waits for room", func() bool { return h.Counts().RoomWaiting == 1 })
			if lease.Stopped() {
				t.Error("the lease broke off")
			}
			lease.Release()
			got := come(t, a)
			if got.err != nil {
				t.Fatal(got.err)
			}
			if n := h.stream(got.lease).tokens(); n != 3 {
				t.Errorf("%d tokens", n)
			}
			got.lease.Release()
		})
	}
}

// TestChangeWhileItLoads: a load by settings that went by is called off, and who
// waits for it is served by one with the new ones.
func TestChangeWhileItLoads(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.edit("echo", `{"settings": {"load_ms": 600000}}`)
	a := h.ask(t.Context(), "m", core.Ask{})
	h.starting("m")
	h.put("echo", `{"settings": {"tokens": 3}}`)
	got := come(t, a)
	if got.err != nil {
		t.Fatal(got.err)
	}
	defer got.lease.Release()
	if n := h.stream(got.lease).tokens(); n != 3 {
		t.Errorf("%d tokens", n)
	}
	if m, _ := h.Model("m"); m.Status.Err != nil || m.History.Failures != 0 {
		t.Errorf("it is told as a failure: %v, %+v", m.Status.Err, m.History)
	}
}

// TestChangeThatIsRefused leaves all as it runs, and is told.
func TestChangeThatIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ content, says string }{
		"no JSON":          {`{"settings"`, "echo.json"},
		"a wrong file":     {`{"settings": 7}`, "expected an object"},
		"a wrong setting":  {`{"settings": {"tokens": "many"}}`, "tokens"},
		"a misspelt one":   {`{"settings": {"tokns": 1}}`, "did you mean tokens?"},
		"no such plugin":   {`{"engine": "none"}`, "none"},
		"no secret":        {`{"secrets": {"api_key": "env:ENGINEBAY_TEST_NONE"}}`, "ENGINEBAY_TEST_NONE"},
		"one that crashes": {`{"settings": {"crash_on": "configure"}}`, "did not start"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, core.Limits{}, map[string]string{"m": "", "n": ""})
			h.edit("echo", `{"settings": {"tokens": 3}}`)
			lease := h.acquire("m", core.Ask{})
			defer lease.Release()
			before := h.engine("echo").Process.Pid
			if e := h.edit("echo", test.content); !strings.Contains(e.Error, test.says) {
				t.Errorf("the event says %q", e.Error)
			}
			h.use("n") // which looks at the file again, and does not try it again
			e := h.engine("echo")
			if e.Process.Pid != before || len(e.Process.Pids) != 1 || e.Process.Crashes != 0 || lease.Stopped() {
				t.Errorf("it runs as %+v", e.Process)
			}
			if e.Plugin != "none" && e.Plugin != "echo" || e.Version == "" && e.Plugin == "echo" {
				t.Errorf("of plugin %q %q", e.Plugin, e.Version)
			}
			if e.Refused == nil || !strings.Contains(e.Refused.Error(), test.says) {
				t.Errorf("of the engine is said %v", e.Refused)
			}
			if a, b := h.stream(lease).tokens(), h.answers("n"); a != 3 || b != 3 {
				t.Errorf("%d and %d tokens", a, b)
			}
			if n := h.log.count("file refused"); n != 1 {
				t.Errorf("logged %d times", n)
			}
			kill(before)
			lease.Gone(t.Context())
			h.becomes("n", core.StateReady)
			h.start("n") // the file is no reason not to start it as it was
			if e := h.engine("echo"); e.Process.Pid == before || e.Refused == nil || h.answers("n") != 3 {
				t.Errorf("after its end it is %+v, %v", e.Process, e.Refused)
			}
			lease = h.acquire("m", core.Ask{})
			defer lease.Release()
			if err := h.RestartDeployment(t.Context(), "echo"); err == nil || lease.Stopped() {
				t.Errorf("restarted with it: %v", err)
			}
			if e := h.edit("echo", `{"settings": {"tokens": 4}}`); e.Error != "" {
				t.Errorf("mended, it says %q", e.Error)
			}
			if e := h.engine("echo"); e.Refused != nil || h.answers("m") != 4 {
				t.Errorf("mended, it is said %v", e.Refused)
			}
		})
	}
}

// TestWrongFileOfWhatDoesNotRun is told before anybody needs it, and of a load it is the error.
func TestWrongFileOfWhatDoesNotRun(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.edit("echo", `{"settings": {"tokens": "many"}}`)
	if e := h.engine("echo"); e.Refused == nil || e.Process.State != pluginhost.StateStopped {
		t.Errorf("of the engine is said %v", e.Refused)
	}
	if err := h.once("m", core.Ask{}); sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("got %v", err)
	}
	if e := h.engine("echo"); e.Refused == nil {
		t.Error("after a load nothing is said of it")
	}
	h.edit("echo", `{"settings": {"tokens": 3}}`)
	if n := h.answers("m"); n != 3 {
		t.Errorf("mended, %d tokens", n)
	}
	if e := h.engine("echo"); e.Refused != nil {
		t.Errorf("mended, it is said %v", e.Refused)
	}
}

// TestChangeWithoutANewProcess: what concerns requests is in force at once, for what
// is loaded too.
func TestChangeWithoutANewProcess(t *testing.T) {
	h := open(t, core.Limits{KeepAlive: span(time.Hour)}, map[string]string{"m": "", "idle": ""})
	h.edit("echo", `{"parameters": {"top_p": 0.1}}`)
	h.use("idle")
	lease := h.acquire("m", core.Ask{})
	before := h.engine("echo").Process
	for name, change := range map[string]func(content string){"by the API": func(c string) { h.put("echo", c) }, "by hand": func(c string) { h.edit("echo", c) }} {
		change(`{"description": "` + name + `", "parameters": {"top_p": 0.5}, "limits": {"keep_alive": "forever"}, "prices": {"*": {"input": 1}}}`)
		again := h.acquire("m", core.Ask{})
		if got := fmt.Sprint(again.Parameters()["top_p"]); got != "0.5" {
			t.Errorf("%s: top_p is %s", name, got)
		}
		again.Release()
		if m, _ := h.Model("idle"); m.State != core.StateRunning || m.Expires != 0 {
			t.Errorf("%s: what rests is %s and expires at %d", name, m.State, m.Expires)
		}
		if e := h.engine("echo"); e.Process.Pid != before.Pid || len(e.Process.Pids) != 1 || lease.Stopped() || e.Description != name {
			t.Errorf("%s: %+v", name, e)
		}
	}
	lease.Release()
	h.edit("echo", `{"limits": {"keep_alive": "20ms"}}`)
	h.becomes("idle", core.StateReady)
	h.becomes("m", core.StateReady)
}

// TestSwitchedOff: what is in flight ends, and nothing more is loaded.
func TestSwitchedOff(t *testing.T) {
	for name, content := range map[string]string{"switched off": `{"engine": "echo", "enabled": false}`, "removed": ""} {
		t.Run(name, func(t *testing.T) {
			h := open(t, core.Limits{}, nil)
			h.edit("own", `{"engine": "echo", "settings": {"tokens": 20, "tokens_per_second": 100}}`)
			h.on("own", "m")
			lease := h.acquire("m", core.Ask{})
			long := h.stream(lease)
			h.edit("own", content)
			if err := h.once("m", core.Ask{}); err == nil {
				t.Error("it is loaded all the same")
			}
			if m, _ := h.Model("m"); m.Transition != core.TransitionStopping || m.Ending != 1 {
				t.Errorf("it is %s %s, and %d end", m.State, m.Transition, m.Ending)
			}
			if n := long.tokens(); n != 20 {
				t.Errorf("%d tokens", n)
			}
			lease.Release()
			h.becomes("m", core.StateReady)
			h.until("all is gone", func() bool { return h.Counts() == core.Counts{} && h.Pids("own") == 0 })
			h.edit("own", `{"engine": "echo"}`)
			h.use("m")
		})
	}
}

// TestEndOfWhatIsReplaced: who stops or removes a model, kills its process or closes the
// house means what was replaced, too.
func TestEndOfWhatIsReplaced(t *testing.T) {
	for name, end := range map[string]func(h *house) error{
		"stop": func(h *house) error { _, err := h.Stop(h.t.Context(), "m"); return err },
		"remove": func(h *house) error {
			_, err := h.Remove(h.t.Context(), "m", false)
			return err
		},
		"close": func(h *house) error { h.Close(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, core.Limits{}, nil)
			h.edit("own", `{"engine": "echo"}`)
			h.on("own", "m")
			var leases []*core.Lease
			for i := range 3 {
				leases = append(leases, h.acquire("m", core.Ask{}))
				h.put("own", fmt.Sprintf(`{"settings": {"tokens": %d}}`, i))
			}
			if n := h.Pids("own"); n != 3 {
				t.Errorf("%d processes", n)
			}
			if err := end(h); err != nil {
				t.Fatal(err)
			}
			for i, lease := range leases {
				if !lease.Stopped() {
					t.Errorf("lease %d goes on", i)
				}
				lease.Release()
			}
			h.until("all is gone", func() bool { return h.Counts() == core.Counts{} && h.Pids("own") == 0 })
		})
	}
	t.Run("its process dies", func(t *testing.T) {
		h := open(t, core.Limits{}, map[string]string{"m": ""})
		lease := h.acquire("m", core.Ask{})
		old := h.engine("echo").Process.Pid
		h.put("echo", `{"settings": {"tokens": 3}}`)
		again := h.acquire("m", core.Ask{})
		kill(old)
		if !lease.Gone(t.Context()) {
			t.Error("its lease does not notice")
		}
		lease.Release()
		h.until("it is gone", func() bool { return h.Counts() == core.Counts{Loaded: 1, Claims: 1, Leases: 1, Busy: 1} })
		if e := h.engine("echo"); e.Process.Crashes != 0 || h.stream(again).tokens() != 3 {
			t.Errorf("the new one is %+v", e.Process)
		}
		again.Release()
	})
}

// TestRestartUnderLoad: fifty who ask all the time see nothing of it.
func TestRestartUnderLoad(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": `"settings": {"n_parallel": 30}`, "n": ""})
	h.edit("echo", `{"settings": {"tokens": 20, "tokens_per_second": 200}}`)
	var over atomic.Bool
	var served atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for !over.Load() {
				if err := h.whole([]string{"m", "n"}[i%2], 20); err != nil {
					t.Error(err)
					return
				}
				served.Add(1)
			}
		})
	}
	for range 3 {
		before, pid := served.Load(), h.engine("echo").Process.Pid
		h.until("they are served", func() bool { return served.Load() >= before+50 })
		if err := h.RestartDeployment(t.Context(), "echo"); err != nil {
			t.Error(err)
		}
		h.until("another process has come", func() bool {
			now := h.engine("echo").Process.Pid
			return now != 0 && now != pid
		})
	}
	over.Store(true)
	all.Wait()
	h.until("one process is left", func() bool { return h.Pids("echo") == 1 })
	if e := h.engine("echo"); e.Process.Crashes+e.Process.Restarts != 0 {
		t.Errorf("it is %+v", e.Process)
	}
}

// whole has a model answer with so many tokens.
func (h *house) whole(id string, tokens int) error {
	lease, err := h.Acquire(context.Background(), id, core.Ask{})
	if err != nil {
		return err
	}
	defer lease.Release()
	resp, err := lease.Post(context.Background(), core.Request{Operation: sdk.OpChat, ContentType: "application/json", Stream: true,
		Body: []byte(`{"stream": true, "messages": [{"content": "hi"}]}`)})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if n := strings.Count(string(text), "echo "); err == nil && (n != tokens || !strings.HasSuffix(string(text), "data: [DONE]\n\n")) {
		err = fmt.Errorf("the answer was %s", text)
	}
	return err
}

// TestIsolation: each model has a process, which goes with it.
func TestIsolation(t *testing.T) {
	h := open(t, core.Limits{}, nil)
	h.edit("own", `{"engine": "echo", "isolation": "model"}`)
	h.on("own", "a", "b")
	h.use("a")
	lease := h.acquire("b", core.Ask{})
	e := h.engine("own")
	if len(e.Process.Pids) != 2 || e.Process.State != pluginhost.StateUp || !slices.Equal(e.Models, []string{"a", "b"}) {
		t.Fatalf("it is %+v with %v", e.Process, e.Models)
	}
	if _, err := h.Stop(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	h.until("its process goes with it", func() bool { return h.Pids("own") == 1 })
	if lease.Stopped() {
		t.Error("the other one went too")
	}
	b := h.pids("own")[0]
	h.use("a")
	a := h.pids("own")
	kill(a[1-slices.Index(a, b)])
	h.becomes("a", core.StateReady)
	if !h.is("b", core.StateRunning) || lease.Stopped() {
		t.Error("the other one fell with it")
	}
	h.use("a")
	h.put("own", `{"isolation": "model", "settings": {"tokens": 3}}`)
	if x, y := h.answers("a"), h.answers("b"); x != 3 || y != 3 {
		t.Errorf("after a change %d and %d tokens", x, y)
	}
	h.until("two new ones, and one that ends", func() bool { return h.Pids("own") == 3 })
	lease.Release()
	h.until("two new ones", func() bool { return h.Pids("own") == 2 })
	h.put("own", `{"settings": {"tokens": 4}}`) // all by one again
	if x, y := h.answers("a"), h.answers("b"); x != 4 || y != 4 {
		t.Errorf("together %d and %d tokens", x, y)
	}
	h.until("one for both", func() bool { return h.Pids("own") == 1 })
}

// TestCloseInAChange: the end comes while a change is tried, and others wait for it.
func TestCloseInAChange(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": "", "n": ""})
	lease := h.acquire("m", core.Ask{})
	h.write("engines/echo.json", `{"settings": {"hang_on": "configure"}}`)
	h.until("it is tried", func() bool { return h.log.count("file is tried") > 0 })
	a := h.ask(context.Background(), "n", core.Ask{})
	h.waiting(1)
	began := time.Now()
	h.Close()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if got := come(t, a); sdk.CodeOf(got.err) != sdk.CodeUnavailable {
		t.Errorf("who waited got %v", got.err)
	}
	lease.Release()
	if err := h.RestartDeployment(context.Background(), "echo"); err == nil {
		t.Error("restarted after the end")
	}
}

// TestTheEndDuringATrial: nothing is waited for that hangs, and nothing stays.
func TestTheEndDuringATrial(t *testing.T) {
	h := open(t, core.Limits{}, map[string]string{"m": ""})
	h.start("m")
	tried := make(chan error, 1)
	go func() {
		tried <- h.ChangeDeployment(t.Context(), "echo", map[string]any{"settings": map[string]any{"hang_on": "configure"}})
	}()
	h.until("it is tried", func() bool {
		here, _ := filepath.Glob(filepath.Join(h.home, "run", "p[0-9]*"))
		away, _ := filepath.Glob(filepath.Join(h.home, "run", "away", "p[0-9]*"))
		return len(here)+len(away) > 1
	})
	began := time.Now()
	h.Close()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the end took %v", took)
	}
	if err := come(t, tried); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("what was tried: %v", err)
	}
	if err := h.ChangeDeployment(t.Context(), "echo", map[string]any{"settings": map[string]any{"tokens": 1}}); sdk.CodeOf(err) != sdk.CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
}
