package core_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// said is a trial in a line: a step that went well by its name, the others with why.
func said(t core.Trial) string {
	var words []string
	for _, step := range t.Steps {
		switch {
		case step.Error != "":
			words = append(words, step.Name+"! "+step.Error)
		case step.Skipped:
			words = append(words, "("+step.Name+")")
		default:
			words = append(words, step.Name+" "+step.Detail)
		}
	}
	return strings.Join(words, " | ")
}

// TestTrials: what a person is told who tests a deployment.
func TestTrials(t *testing.T) {
	const secret = "sesame-1234"
	t.Setenv("ENGINEBAY_TEST_KEY", secret)
	h := open(t, core.Limits{}, map[string]string{"words": `"settings": {"tokens": 2}`})
	for id, fields := range map[string]string{
		"refused": `"settings": {"refuse": "there is no room for ` + secret + `", "refuse_code": "exhausted"}`,
		"busy":    `"settings": {"status": 429}`,
		"failing": `"settings": {"status": 500}`,
		"dying":   `"settings": {"crash_on": "request"}`,
		"vectors": `"settings": {"operations": ["rerank"]}`,
	} {
		h.write("models/"+id+"/model.json", `{"engine": "`+id+`", "format": "api", `+fields+`}`)
	}
	h.until("the models are there", func() bool { return len(h.Models()) == 6 })
	for id, content := range map[string]string{
		"refused": `{"engine": "echo", "secrets": {"api_key": "env:ENGINEBAY_TEST_KEY"}}`,
		"busy":    `{"engine": "echo"}`,
		"failing": `{"engine": "echo"}`,
		"dying":   `{"engine": "echo"}`,
		"offers":  `{"engine": "echo", "settings": {"offers": [""]}}`,
		"service": `{"engine": "echo", "settings": {"offers": ["b", "a"]}}`,
		"empty":   `{"engine": "echo", "settings": {"offers": []}}`,
		"alone":   `{"engine": "echo"}`,
		"absent":  `{"engine": "zork"}`,
		"misspelt": `{"engine": "echo",
			"settings": {"tokns": 1}}`,
		"unset":   `{"engine": "echo", "secrets": {"api_key": "env:NOT_SET_ANYWHERE"}}`,
		"off":     `{"engine": "echo", "enabled": false}`,
		"crashes": `{"engine": "echo", "settings": {"crash_on": "configure"}}`,
		"broken":  `{"engine": "echo", "enabled": 7}`,
	} {
		h.write("engines/"+id+".json", content)
	}
	tests := []struct {
		name, id, model string
		ok              bool
		want            []string
	}{
		{"well", "echo", "", true, []string{"plugin echo 0.1.0, process ", "| settings all by default", "| (models)", "| load words", `| answer chat/completions: "echo echo`}},
		{"again", "echo", "words", true, []string{"| load words, which is loaded already"}},
		{"a model of another", "echo", "busy", false, []string{"load busy, which other engines load, for this trial | answer! It answered with status 429"}},
		{"no such model", "echo", "nope", false, []string{"load! There is no model 'nope'"}},
		{"the load fails", "refused", "", false, []string{"settings 0 settings and 1 secret", "load! there is no room for (hidden)", "| (answer)"}},
		{"too much", "busy", "", false, []string{"load busy | answer! It answered with status 429: ", "; try again later"}},
		{"it fails", "failing", "", false, []string{"answer! It answered with status 500: ", "; the server's log may say more"}},
		{"it dies", "dying", "", false, []string{"answer! The engine broke off before it answered"}},
		{"no list", "offers", "", false, []string{"models! the list cannot be had, as asked", "| (load) | (answer)"}},
		{"a service", "service", "", true, []string{"models the service has 2 models | load service/a | answer "}},
		{"its own name", "service", "b", true, []string{"| load service/b | answer "}},
		{"what it has not", "service", "c", false, []string{"load! There is no model 'c'"}},
		{"a service without a list", "empty", "", false, []string{"(models) | load! No model is known to try; name one as the service calls it, as in: enginebay engine test empty --model NAME"}},
		{"no model", "alone", "", false, []string{"load! No model that is ready names this engine; write \"engine\": \"alone\""}},
		{"no plugin", "absent", "", false, []string{`plugin! There is no plugin "zork"; installed are echo`, "| (settings) | (models) | (load) | (answer)"}},
		{"misspelt", "misspelt", "", false, []string{"plugin echo 0.1.0 | settings! ", "did you mean tokens?", "; mend engines/misspelt.json"}},
		{"no secret", "unset", "", false, []string{`settings! secret "api_key": the environment variable NOT_SET_ANYWHERE is not set; the server looks where it runs`, "name another place in engines/unset.json"}},
		{"off", "off", "", false, []string{"settings! The engine off is switched off"}},
		{"no start", "crashes", "", false, []string{"plugin! ", "did not start"}},
		{"a wrong file", "broken", "", false, []string{"settings! engines/broken.json:1:31: /enabled: expected"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trial, err := h.TestDeployment(t.Context(), tt.id, tt.model)
			if err != nil || trial.OK != tt.ok {
				t.Errorf("%v, ok is %v", err, trial.OK)
			}
			got := said(trial)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if len(trial.Steps) != 5 || strings.Contains(got, secret) {
				t.Errorf("%d steps: %s", len(trial.Steps), got)
			}
		})
	}
	guide, err := filepath.Abs("../examples/models/tiny-guide/tiny-guide.gguf")
	if err != nil {
		t.Fatal(err)
	}
	h.write("engines/lends.json", `{"engine": "echo"}`)
	h.write("models/weights/model.json", `{"engine": "echo", "sources": [{"url": "`+guide+`"}]}`)
	h.until("the model is there", func() bool { return h.is("weights", core.StateReady) })
	if trial, err := h.TestDeployment(t.Context(), "lends", ""); err != nil || !trial.OK || trial.Model != "weights@lends" {
		t.Errorf("with a model of the same plugin: %v %s", err, said(trial))
	}
	h.use("weights") // by echo
	if trial, err := h.TestDeployment(t.Context(), "lends", "weights"); err != nil || !trial.OK || trial.Model != "weights@lends" {
		t.Errorf("with one that another has loaded: %v %s", err, said(trial))
	}
	for _, e := range h.Engines() {
		if e.ID == "lends" && len(e.Models) > 0 {
			t.Errorf("what was loaded for the trial stays: %v", e.Models)
		}
	}
	if _, err := h.TestDeployment(t.Context(), "nobody", ""); sdk.CodeOf(err) != sdk.CodeNotFound {
		t.Errorf("of nobody: %v", err)
	}
	if strings.Contains(h.log.String(), secret) {
		t.Error("a secret is in the log")
	}
}
