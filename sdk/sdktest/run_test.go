package sdktest_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

// program is the fake as a built plugin, with a fault.
func program(t *testing.T, fault string) sdktest.Subject {
	t.Helper()
	return sdktest.Subject{Path: os.Args[0], Env: []string{envServe + "=1", envFault + "=" + fault}, Package: packaged(t, fault), Rounds: 20}
}

// TestRunWithoutGoTest: each check has a verdict of its own, by its name.
func TestRunWithoutGoTest(t *testing.T) {
	t.Parallel()
	c, plan := engineCase(t), sdktest.Plan{Subject: program(t, ""), Importer: &importerCase}
	plan.Engine = &c
	var told []string
	plan.Done = func(r sdktest.Result) { told = append(told, r.Name) }
	results := sdktest.Run(t.Context(), plan)
	var names, known []string
	for _, r := range results {
		if names = append(names, r.Name); r.Verdict == sdktest.Failed || r.Took <= 0 || r.About == "" {
			t.Errorf("%+v", r)
		}
		if r.Verdict == sdktest.Skipped && r.Name != "engine/models" { // the fake offers none
			t.Errorf("%s was not tested: %+v", r.Name, r)
		}
	}
	for _, c := range sdktest.Checks() {
		known = append(known, c.Name)
	}
	if !slices.Equal(names, known) || !slices.Equal(told, known) {
		t.Errorf("the checks are %q, and there are results of %q", known, names)
	}
}

func TestRunTellsWhatIsWrong(t *testing.T) {
	c := engineCase(t)
	c.SlowSettings = nil
	plan := sdktest.Plan{Subject: program(t, "loads missing weights"), Engine: &c, Importer: &sdktest.ImporterCase{},
		Only: func(name string) bool {
			return slices.Contains([]string{"engine/refuse", "engine/cancel", "importer/resolve", "program/handshake"}, name)
		}}
	results := map[string]sdktest.Result{}
	for _, r := range sdktest.Run(t.Context(), plan) {
		results[r.Name] = r
	}
	if len(results) != 4 || results["program/handshake"].Verdict != sdktest.Passed {
		t.Errorf("got %+v", results)
	}
	refuse := results["engine/refuse"]
	part := slices.IndexFunc(refuse.Parts, func(p sdktest.Result) bool { return p.Name == "engine/refuse/missing_weights" })
	if refuse.Verdict != sdktest.Failed || part < 0 || len(refuse.Parts[part].Faults) != 1 || len(refuse.Faults) != 0 {
		t.Errorf("engine/refuse: %+v", refuse)
	}
	if r := results["importer/resolve"]; r.Verdict != sdktest.Skipped || r.Skipped != "no ref was given" {
		t.Errorf("importer/resolve: %+v", r)
	}
	slow := slices.IndexFunc(results["engine/cancel"].Parts, func(p sdktest.Result) bool { return p.Verdict == sdktest.Skipped })
	if results["engine/cancel"].Verdict != sdktest.Passed || slow < 0 {
		t.Errorf("engine/cancel: %+v", results["engine/cancel"])
	}
	text, err := json.Marshal(refuse)
	if err != nil || !strings.Contains(string(text), `"verdict":"failed"`) {
		t.Errorf("%v: %s", err, text)
	}
}

// TestNoPlugin: what does not start says so in each check, and ends.
func TestNoPlugin(t *testing.T) {
	if _, _, err := sdktest.Describe(t.Context(), sdktest.Subject{Path: "/bin/true"}); err == nil {
		t.Error("true is a plugin")
	}
	plan := sdktest.Plan{Subject: sdktest.Subject{Path: "/bin/true"}, Only: func(name string) bool { return name == "program/handshake" || name == "program/by-hand" }}
	for _, r := range sdktest.Run(t.Context(), plan) {
		if r.Verdict != sdktest.Failed {
			t.Errorf("%+v", r)
		}
	}
}
