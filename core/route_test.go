package core_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// routed opens a runtime with two deployments of the fake engine, and the given
// model files: id → content.
func routed(t *testing.T, files map[string]string) *house {
	t.Helper()
	h := open(t, core.Limits{}, nil)
	h.write("engines/east.json", `{"engine": "echo", "settings": {"tokens": 2}}`)
	h.write("engines/west.json", `{"engine": "echo", "settings": {"tokens": 3}}`)
	for id, content := range files {
		h.write("models/"+id+"/model.json", content)
	}
	for id := range files {
		h.until(id+" is listed", func() bool { _, err := h.Model(id); return err == nil })
	}
	return h
}

func (h *house) states(id string) map[string]string {
	h.t.Helper()
	m, err := h.Model(id)
	if err != nil {
		h.t.Fatal(err)
	}
	states := map[string]string{}
	for _, target := range m.Route {
		states[target.ID] = target.State
	}
	return states
}

// TestMisrouted: what is wrong with targets stands in the model's error, with its
// place in the file; a circle and too many routed models behind each other, and no
// other, make the model one that cannot be used.
func TestMisrouted(t *testing.T) {
	deep := map[string]string{"d5": `{"targets": [{"model": "m"}]}`}
	for _, id := range []string{"d4", "d3", "d2", "d1"} {
		deep[id] = `{"targets": [{"model": "` + map[string]string{"d4": "d5", "d3": "d4", "d2": "d3", "d1": "d2"}[id] + `"}]}`
	}
	for name, test := range map[string]struct {
		files  map[string]string
		id     string
		says   []string
		usable bool
	}{
		"unknown model": {map[string]string{"helper": `{"engine": "echo", "format": "api"}`, "r": "{\n \"targets\": [{\"model\": \"helpr\"},\n  {\"model\": \"m\"}]}"}, "r",
			[]string{`models/r/model.json:2:24: /targets/0/model: expected the id of a model, got "helpr"; did you mean helper?`}, true},
		"unknown engine": {map[string]string{"r": `{"targets": [{"engine": "eastt"}, {"model": "m"}]}`}, "r",
			[]string{`:1:25: /targets/0/engine: expected the id of an engine`, `got "eastt"; did you mean east?`}, true},
		"no engine name":  {map[string]string{"r": `{"targets": [{"engine": "../east"}, {"model": "m"}]}`}, "r", []string{`got "../east"`}, true},
		"several":         {map[string]string{"r": `{"targets": [{"engine": "nobody"}, {"model": "m"}, {"model": "none"}]}`}, "r", []string{"/targets/0/engine", "/targets/2/model"}, true},
		"itself":          {map[string]string{"r": `{"targets": [{"model": "m"}, {"model": "r"}]}`}, "r", []string{"/targets/1/model", "r → r"}, false},
		"a circle":        {map[string]string{"a": `{"targets": [{"model": "b"}]}`, "b": `{"targets": [{"model": "c"}]}`, "c": `{"targets": [{"model": "m"}, {"model": "a"}]}`}, "a", []string{"a → b → c → a"}, false},
		"behind it":       {map[string]string{"r": `{"targets": [{"model": "a"}]}`, "a": `{"targets": [{"model": "b"}]}`, "b": `{"targets": [{"model": "a"}]}`}, "r", []string{"r → a → b → a"}, false},
		"too deep":        {deep, "d1", []string{"d1 → d2 → d3 → d4 → d5", "at most 4"}, false},
		"deep enough":     {deep, "d2", nil, true},
		"one by two ways": {map[string]string{"r": `{"targets": [{"model": "a"}, {"model": "b"}]}`, "a": `{"targets": [{"model": "b"}]}`, "b": `{"targets": [{"model": "m"}]}`}, "r", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"m": `{"engine": "echo", "format": "api"}`}
			for id, content := range test.files {
				files[id] = content
			}
			h := routed(t, files)
			m, err := h.Model(test.id)
			if err != nil {
				t.Fatal(err)
			}
			if (m.Status.Err == nil) != (test.says == nil) {
				t.Errorf("its error is %v", m.Status.Err)
			}
			for _, says := range test.says {
				if !strings.Contains(m.Status.Err.Error(), says) {
					t.Errorf("%q does not say %q", m.Status.Err, says)
				}
			}
			if want := map[bool]string{true: core.StateReady, false: core.StateToDownload}[test.usable]; m.State != want {
				t.Errorf("it is %s, want %s", m.State, want)
			}
			switch err := h.once(test.id, core.Ask{}); {
			case test.usable && err != nil:
				t.Errorf("it is not used: %v", err)
			case !test.usable && sdk.CodeOf(err) != sdk.CodeInvalid:
				t.Errorf("it is used: %v", err)
			}
			if _, err := h.Start(t.Context(), test.id, core.Ask{}, nil); (err == nil) != test.usable {
				t.Errorf("its start: %v", err)
			}
			if _, err := h.Stop(t.Context(), test.id); err != nil {
				t.Errorf("its stop: %v", err)
			}
		})
	}
}

// TestUnusableTargets: what a target is that cannot answer, and the model that has
// no other one.
func TestUnusableTargets(t *testing.T) {
	h := routed(t, map[string]string{
		"m":      `{"engine": "echo", "format": "api"}`,
		"broken": `{"engine": 1}`,
		"some":   `{"targets": [{"engine": "nobody"}, {"model": "nowhere"}, {"model": "m"}]}`,
		"none":   `{"targets": [{"engine": "nobody"}]}`,
		"worse":  `{"targets": [{"model": "broken"}]}`,
		"a":      `{"targets": [{"model": "b"}, {"model": "m"}]}`,
		"b":      `{"targets": [{"model": "a"}]}`,
	})
	for id, test := range map[string]struct{ state, targets string }{
		"some":  {core.StateReady, "some@nobody  unusable, nowhere  unusable, m ready ok"},
		"none":  {core.StateToDownload, "none@nobody  unusable"},
		"worse": {core.StateToDownload, "broken to_download unusable"},
		"a":     {core.StateToDownload, "b to_download unusable, m ready ok"},
		"b":     {core.StateToDownload, "a to_download unusable"},
	} {
		m, err := h.Model(id)
		if err != nil || m.State != test.state || m.Status.Err == nil {
			t.Errorf("%s is %s, %v, %v", id, m.State, m.Status.Err, err)
		}
		var targets []string
		for _, target := range m.Route {
			targets = append(targets, fmt.Sprintf("%s %s %s", target.ID, target.State, target.Health))
		}
		if got := strings.Join(targets, ", "); got != test.targets {
			t.Errorf("%s has %s, want %s", id, got, test.targets)
		}
	}
}

// TestEditions: one model file, loaded by two deployments at once.
func TestEditions(t *testing.T) {
	h := routed(t, map[string]string{"chat": `{"settings": {"load_ms": 1}, "parameters": {"seed": 7}, "pinned": true,
		"targets": [{"engine": "east"}, {"engine": "west", "settings": {"tokens": 9}}, {"engine": "west"}], "routing": "spread"}`})
	if got := h.states("chat"); len(got) != 3 || got["chat@east"] != core.StateReady {
		t.Fatalf("its targets are %v", got)
	}
	m, err := h.Start(t.Context(), "chat", core.Ask{}, nil)
	if err != nil || m.State != core.StateRunning || m.Deployment != "east, west" {
		t.Fatalf("started: %s by %s, %v", m.State, m.Deployment, err)
	}
	for id, tokens := range map[string]any{"chat@east": 2, "chat@west": 9, "chat@west#2": 3} {
		edition, err := h.Model(id)
		if err != nil || edition.State != core.StateRunning || !edition.Pinned || edition.Changed {
			t.Errorf("%s is %s, pinned %v, %v", id, edition.State, edition.Pinned, err)
		}
		if got, ok := edition.Status.Settings["tokens"]; !ok || !sameNumber(got, tokens) {
			t.Errorf("%s runs with %v tokens, want %v", id, got, tokens)
		}
		lease := h.acquire(id, core.Ask{})
		if lease.Name() != "chat" || lease.Model() != id || lease.Parameters()["seed"] == nil {
			t.Errorf("%s is called %s, with %v", lease.Model(), lease.Name(), lease.Parameters())
		}
		lease.Release()
	}
	if east, west := h.engine("east").Models, h.engine("west").Models; !slices.Equal(east, []string{"chat@east"}) || len(west) != 2 {
		t.Errorf("east has loaded %v, west %v", east, west)
	}
	if err := h.RemoveDeployment("west"); err == nil {
		t.Error("a deployment is removed that has an edition loaded")
	}
	if _, err := h.Stop(t.Context(), "chat@west"); err != nil {
		t.Fatal(err)
	}
	if got := h.states("chat"); got["chat@east"] != core.StateRunning || got["chat@west"] != core.StateReady {
		t.Errorf("one was stopped: %v", got)
	}
	if m, err := h.Stop(t.Context(), "chat"); err != nil || m.State != core.StateReady || h.Counts().Loaded != 0 {
		t.Errorf("stopped: %s, %v, %+v", m.State, err, h.Counts())
	}
	for _, id := range []string{"chat@nobody", "chat@", "@east", "chat@east@west", "nobody@east"} {
		if _, err := h.Model(id); sdk.CodeOf(err) != sdk.CodeNotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func sameNumber(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// TestEditionsGo: with their model's file, and with what a changed file names no
// more, once nobody uses them.
func TestEditionsGo(t *testing.T) {
	const both = `{"targets": [{"engine": "east"}, {"engine": "west"}], "routing": "spread", "pinned": true}`
	h := routed(t, map[string]string{"chat": both})
	h.start("chat")
	lease := h.acquire("chat@west", core.Ask{})
	h.write("models/chat/model.json", `{"targets": [{"engine": "east"}], "pinned": true}`)
	h.until("west is no target any more", func() bool { return len(h.states("chat")) == 1 })
	if c := h.Counts(); c.Loaded != 2 {
		t.Errorf("one that is in use has left: %+v", c)
	}
	lease.Release()
	h.until("it has left", func() bool { c := h.Counts(); return c.Loaded == 1 && c.Leaving == 0 })
	if got := h.states("chat"); got["chat@east"] != core.StateRunning {
		t.Errorf("the other one: %v", got)
	}
	if err := os.RemoveAll(filepath.Join(h.home, "models/chat")); err != nil {
		t.Fatal(err)
	}
	h.until("all have left", func() bool { return h.Counts() == core.Counts{} })
	if _, err := h.Model("chat@east"); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("it is still there: %v", err)
	}
	if left := h.Editions(); len(left) > 0 {
		t.Errorf("there are %d editions", len(left))
	}
}

// TestEditionIsRemoved with its model by a person.
func TestEditionIsRemoved(t *testing.T) {
	h := routed(t, map[string]string{"chat": `{"targets": [{"engine": "east"}, {"model": "m"}], "routing": "spread"}`, "m": `{"engine": "echo", "format": "api"}`})
	h.start("chat")
	if _, err := h.Remove(t.Context(), "chat", true); err != nil {
		t.Fatal(err)
	}
	if c := h.Counts(); c.Loaded != 1 || !h.is("m", core.StateRunning) {
		t.Errorf("the other model that it was routed to goes on: %+v", c)
	}
}

// TestStartOfARoutedModel: the first target that comes up, or all.
func TestStartOfARoutedModel(t *testing.T) {
	models := map[string]string{"bad": `{"engine": "echo", "format": "api", "settings": {"refuse": "not today"}}`, "m": `{"engine": "echo", "format": "api"}`,
		"chat": `{"targets": [{"model": "bad"}, {"engine": "east"}, {"model": "m"}]}`, "all": `{"targets": [{"model": "bad"}, {"engine": "east"}, {"model": "m"}], "routing": "spread"}`,
		"none": `{"targets": [{"model": "bad"}, {"model": "nobody"}]}`, "own": `{"targets": [{"engine": "east"}]}`}
	h := routed(t, models)
	m, err := h.Start(t.Context(), "chat", core.Ask{}, nil)
	if err != nil || len(m.Ignored) != 1 || !strings.Contains(m.Ignored[0], "bad: not today") {
		t.Errorf("%v, %v", m.Ignored, err)
	}
	if got := h.states("chat"); got["chat@east"] != core.StateRunning || got["m"] != core.StateReady {
		t.Errorf("started were %v", got)
	}
	if m, err = h.Start(t.Context(), "all", core.Ask{}, nil); err != nil || len(m.Ignored) != 1 {
		t.Errorf("%v, %v", m.Ignored, err)
	}
	if got := h.states("all"); got["all@east"] != core.StateRunning || got["m"] != core.StateRunning {
		t.Errorf("started were %v", got)
	}
	if _, err = h.Start(t.Context(), "none", core.Ask{}, nil); sdk.CodeOf(err) != sdk.CodeUnavailable || !strings.Contains(err.Error(), "not today; nobody:") {
		t.Errorf("of none: %v", err)
	}
	if _, err = h.Start(t.Context(), "chat", core.Ask{}, map[string]any{"tokens": 5}); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("with settings: %v", err)
	}
	if m, err = h.Start(t.Context(), "own", core.Ask{}, map[string]any{"tokens": 5}); err != nil {
		t.Error(err)
	}
	if edition, _ := h.Model("own@east"); !sameNumber(edition.Status.Settings["tokens"], 5) {
		t.Errorf("it runs with %v", edition.Status.Settings)
	}
	if _, err := h.Stop(t.Context(), "all"); err != nil {
		t.Fatal(err)
	}
	if got := h.states("all"); got["all@east"] != core.StateReady || got["m"] != core.StateReady {
		t.Errorf("stopped were %v", got)
	}
}

// TestRoutesInRoutes: a routed model is a target like any other: when all of its own
// have failed, it has, and the time that it may take is a part of that of the other.
func TestRoutesInRoutes(t *testing.T) {
	h := routed(t, map[string]string{"a": `{"engine": "echo", "format": "api"}`, "b": `{"engine": "echo", "format": "api"}`, "c": `{"engine": "echo", "format": "api"}`,
		"inner": `{"targets": [{"model": "a"}, {"model": "b"}], "timeout": "1h", "parameters": {"seed": 1, "top_k": 1}}`,
		"outer": `{"targets": [{"model": "inner"}, {"model": "c"}], "timeout": "1m", "parameters": {"seed": 2}}`})
	route, err := h.Route("outer")
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for route.Next() {
		asked = append(asked, route.Target())
		lease, err := route.Acquire(t.Context(), core.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		if limit := route.Timeout(); limit > time.Minute || limit < 30*time.Second {
			t.Errorf("%s may take %v", route.Target(), limit)
		}
		if p := lease.Parameters(); !sameNumber(p["seed"], 2) || (p["top_k"] != nil) != (route.Target() != "c") {
			t.Errorf("%s has the parameters %v", route.Target(), p)
		}
		route.Failed(sdk.Errorf(sdk.CodeUnavailable, "no"), 0)
		lease.Release()
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(asked, want) {
		t.Errorf("asked were %v, want %v", asked, want)
	}
	for _, id := range []string{"inner", "outer"} {
		m, _ := h.Model(id)
		for _, target := range m.Route {
			if target.Health != core.HealthCooling || target.Requests != 0 {
				t.Errorf("%s of %s: %+v", target.ID, id, target)
			}
		}
	}
	// All cool down: they are asked all the same, and an answer makes all on the way well.
	lease := h.acquire("outer", core.Ask{})
	inner, _ := h.Model("inner")
	outer, _ := h.Model("outer")
	if lease.Model() != "a" || inner.Route[0].Health != core.HealthOK || outer.Route[0].Health != core.HealthOK || inner.Route[1].Health != core.HealthCooling {
		t.Errorf("%s answered; %+v, %+v", lease.Model(), inner.Route, outer.Route)
	}
	if inner.Requests != 1 || outer.Requests != 1 {
		t.Errorf("in flight are %d and %d requests", inner.Requests, outer.Requests)
	}
	lease.Release()
	if inner, _ = h.Model("inner"); inner.Requests != 0 {
		t.Errorf("in flight are %d requests", inner.Requests)
	}
}

// TestHealth: failures that come together count once; when the time of a target is
// over, one request tries it, and the others pass it over until it has answered.
func TestHealth(t *testing.T) {
	h := routed(t, map[string]string{"a": `{"engine": "echo", "format": "api"}`, "b": `{"engine": "echo", "format": "api"}`,
		"r": `{"targets": [{"model": "a"}, {"model": "b"}], "cool_down": "100s"}`, "quick": `{"targets": [{"model": "a"}, {"model": "b"}], "cool_down": "1ms"}`,
		"never": `{"targets": [{"model": "a"}, {"model": "b"}], "cool_down": "0s"}`})
	next := func(id string) *core.Route {
		t.Helper()
		route, err := h.Route(id)
		if err != nil || !route.Next() {
			t.Fatal(id, err)
		}
		return route
	}
	no := sdk.Errorf(sdk.CodeUnavailable, "no")
	first, second, third := next("r"), next("r"), next("r")
	for _, route := range []*core.Route{first, second, third} {
		if route.Target() != "a" {
			t.Fatalf("%s is asked first", route.Target())
		}
	}
	first.Failed(no, 0)
	second.Failed(no, 0)
	third.Failed(no, 110*time.Second) // and one is told to stay away for longer
	m, _ := h.Model("r")
	if left := time.Until(time.Unix(m.Route[0].Until, 0)); left < 100*time.Second || left > 111*time.Second {
		t.Errorf("after three that failed together it cools down for %v", left)
	}
	quick := next("quick")
	quick.Failed(no, 0)
	quick.Leave()
	h.until("it has cooled down", func() bool { m, _ := h.Model("quick"); return m.Route[0].Health == core.HealthOK })
	trial, other := next("quick"), next("quick")
	if trial.Target() != "a" || other.Target() != "b" {
		t.Errorf("the first asks %s, the other %s", trial.Target(), other.Target())
	}
	other.Leave()
	trial.Leave() // its client left: nobody knows how the target is
	again := next("quick")
	if again.Target() != "a" {
		t.Errorf("the next one asks %s", again.Target())
	}
	lease, err := again.Acquire(t.Context(), core.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	again.Answered(lease)
	if both := next("quick"); both.Target() != "a" {
		t.Errorf("while it answers, %s is asked", both.Target())
	} else {
		both.Leave()
	}
	lease.Release()
	never := next("never")
	never.Failed(no, 0)
	if route := next("never"); route.Target() != "a" {
		t.Errorf("without a cool-down %s is asked", route.Target())
	}
}

// TestMendedTargets are asked at once: a person started the model, or its file was
// changed.
func TestMendedTargets(t *testing.T) {
	h := routed(t, map[string]string{"a": `{"engine": "echo", "format": "api"}`, "b": `{"engine": "echo", "format": "api"}`, "r": `{"targets": [{"model": "a"}, {"model": "b"}], "cool_down": "1h"}`})
	for name, mend := range map[string]func(){
		"by a start": func() { h.start("a") },
		"by its engine": func() {
			if err := h.ChangeDeployment(t.Context(), "echo", map[string]any{"settings": map[string]any{"tokens": 5}}); err != nil {
				t.Error(err)
			}
		},
		"by its file": func() { h.write("models/a/model.json", `{"engine": "echo", "format": "api", "name": "Mended"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			route, err := h.Route("r")
			if err != nil || !route.Next() || route.Target() != "a" {
				t.Fatal(err)
			}
			route.Failed(sdk.Errorf(sdk.CodeUnavailable, "no"), 0)
			mend()
			h.until("it is well", func() bool { m, _ := h.Model("r"); return m.Route[0].Health == core.HealthOK })
		})
	}
}

// TestEffectiveOfARoutedModel: what its file says; each edition has its own.
func TestEffectiveOfARoutedModel(t *testing.T) {
	h := routed(t, map[string]string{"chat": `{"settings": {"tokens": 4, "my_token": "x"}, "parameters": {"seed": 1, "stream": true}, "targets": [{"engine": "east", "settings": {"tokens": 5}}]}`})
	e, err := h.Effective(t.Context(), "chat")
	if err != nil || e.Err != nil || !sameNumber(e.Settings["tokens"].Value, 4) || e.Settings["my_token"].Value == "x" || e.Parameters["stream"].Value != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = h.Effective(t.Context(), "chat@east"); err != nil || !sameNumber(e.Settings["tokens"].Value, 5) || e.Settings["tokens"].Origin != core.OriginModel {
		t.Errorf("%+v, %v", e, err)
	}
}
