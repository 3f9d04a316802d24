package store_test

import (
	"strings"
	"testing"
)

// TestRoutedModels: which routed models need weights, and what they are then.
func TestRoutedModels(t *testing.T) {
	const engines, models = `"targets": [{"engine": "a"}, {"model": "other"}]`, `"targets": [{"model": "other"}]`
	for name, c := range map[string]struct {
		files          tree
		ready          bool
		format, engine string
		weights        int
		err            string
	}{
		"other models alone":                    {files: tree{"m/m.json": `{` + models + `}`}, ready: true, format: "api"},
		"other models, beside weights":          {files: tree{"m/m.json": `{` + models + `}`, "m/x.gguf": weights}, ready: true, format: "api"},
		"other models, as a file of llama.cpp":  {files: tree{"m/m.json": `{"engine": "llamacpp", "format": "gguf", ` + models + `}`}, ready: true, format: "api", engine: "llamacpp"},
		"deployments, and no weights":           {files: tree{"m/m.json": `{` + engines + `}`}, ready: true, format: "api"},
		"deployments of a remote API":           {files: tree{"m/m.json": `{"engine": "api", ` + engines + `}`}, ready: true, format: "api", engine: "api"},
		"deployments with weights":              {files: tree{"m/m.json": `{` + engines + `}`, "m/x.gguf": weights}, ready: true, format: "gguf", weights: 1},
		"deployments with safetensors":          {files: tree{"m/m.json": `{` + engines + `}`, "m/x.safetensors": weights}, ready: true, format: "safetensors", weights: 1},
		"deployments, weights to be downloaded": {files: tree{"m/m.json": `{"sources": [{"url": "` + remote + `x.gguf"}], ` + engines + `}`}, format: "gguf"},
		"deployments, and weights are said":     {files: tree{"m/m.json": `{"format": "gguf", ` + engines + `}`}, format: "gguf", err: "no weights here"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := open(t, plant(t, c.files)).Model("m")
			if err != nil {
				t.Fatal(err)
			}
			if m.Ready != c.ready || m.Manifest.Format != c.format || m.Manifest.Engine != c.engine || len(m.Files) != c.weights {
				t.Errorf("ready %v, format %q, engine %q, weights %q", m.Ready, m.Manifest.Format, m.Manifest.Engine, m.Files)
			}
			if c.err == "" && m.Err != nil || c.err != "" && (m.Err == nil || !strings.Contains(m.Err.Error(), c.err)) {
				t.Errorf("it says %v", m.Err)
			}
		})
	}
}

// TestEdition: a model as another deployment loads it is the same in all that the
// deployment does not say.
func TestEdition(t *testing.T) {
	m, err := open(t, plant(t, tree{"m/m.json": `{"settings": {"a": 1, "b": 1}, "parameters": {"seed": 1}, "targets": [{"engine": "east", "settings": {"b": 2}}]}`,
		"m/x.gguf": weights})).Model("m")
	if err != nil {
		t.Fatal(err)
	}
	target := m.Manifest.Targets[0]
	v := m.Edition("m@east", target.Engine, target.Settings)
	req := v.Request()
	if req.ID != "m" || v.ID != "m@east" || v.EditionOf() != "m" || m.EditionOf() != "" {
		t.Errorf("the edition is %s, of %q; the engine calls it %s", v.ID, v.EditionOf(), req.ID)
	}
	if !v.Ready || len(req.Files) != 1 || req.Manifest.Engine != "east" || req.Manifest.Routed() {
		t.Errorf("the engine gets %+v", req)
	}
	if v.Manifest.Settings["a"] == nil || v.Manifest.Settings["b"] == m.Manifest.Settings["b"] || v.Manifest.Parameters["seed"] == nil {
		t.Errorf("its settings are %v, of %v", v.Manifest.Settings, m.Manifest.Settings)
	}
}

// TestRequestID: the engine learns the id that the file gives beside that of the
// folder; of a variant too.
func TestRequestID(t *testing.T) {
	s := open(t, plant(t, tree{"groq-llama2-70b/model.json": `{"id": "llama2-70b-4096", "format": "api"}`, "plain/model.json": `{"format": "api"}`}))
	for id, want := range map[string]string{"groq-llama2-70b": "llama2-70b-4096", "plain": "plain"} {
		m, err := s.Model(id)
		if err != nil {
			t.Fatal(err)
		}
		if req := m.Request(); req.ID != id || req.Manifest.ID != want || m.Manifest.ID != id {
			t.Errorf("%s: the engine calls it %s, its file %s", id, req.ID, req.Manifest.ID)
		}
		if req := m.Edition(id+"@east", "east", nil).Request(); req.ID != id || req.Manifest.ID != want {
			t.Errorf("a variant of %s: the engine calls it %s, its file %s", id, req.ID, req.Manifest.ID)
		}
	}
}

// TestTargetProblem: what is wrong with a target has the place in the file.
func TestTargetProblem(t *testing.T) {
	m, err := open(t, plant(t, tree{"m/m.json": "{\"targets\": [\n  {\"model\": \"a\"},\n  {\"weight\": 2, \"engine\": \"b\"}\n]}"})).Model("m")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"2:13: /targets/0/model: expected x, got y", "3:27: /targets/1/engine: expected x, got y"} {
		if got := m.TargetProblem(i, "x", "y").Error(); got != "models/m/m.json:"+want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	shown := string(m.JSON())
	if !strings.Contains(shown, `"targets":[{"model":"a"},{"engine":"b","weight":2}]`) {
		t.Errorf("it is shown as %s", shown)
	}
}

// TestTargetSecretsAreNotShown: somebody wrote a key into a target.
func TestTargetSecretsAreNotShown(t *testing.T) {
	m, err := open(t, plant(t, tree{"m/m.json": `{"targets": [{"engine": "a", "settings": {"api_key": "sk-1", "x": {"token": "sk-2"}}, "my_secret": "sk-3"}]}`})).Model("m")
	if err != nil || strings.Contains(string(m.JSON()), "sk-") {
		t.Errorf("it is shown as %s, %v", m.JSON(), err)
	}
	if m.Manifest.Targets[0].Settings["api_key"] != "sk-1" {
		t.Error("the manifest itself has lost it")
	}
}
