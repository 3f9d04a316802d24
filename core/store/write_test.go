package store_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// save gives a model a description.
func save(s *store.Store, m *store.Model, description string) error {
	return s.Edit(m.ID, func(manifest *sdk.Manifest) error {
		manifest.Description = description
		return nil
	})
}

// TestEdit: a saved model keeps its id, and so do those beside it; its file is
// read by nobody else.
func TestEdit(t *testing.T) {
	for name, c := range map[string]struct {
		files tree
		id    string
		wrote string
		ids   []string
	}{
		"its file":              {tree{"m/odd.json": `{}`, "m/x.gguf": weights}, "m", "m/odd.json", []string{"m"}},
		"one file of several":   {tree{"m/a.json": `{}`, "m/b.json": `{}`, "m/a.gguf": weights}, "m/a", "m/a.json", []string{"m/a", "m/b"}},
		"beside model.yml":      {tree{"m/model.yml": "name: x\n", "m/x.gguf": weights}, "m", "m/model.json", []string{"m"}},
		"weights in a folder":   {tree{"m/x.gguf": weights}, "m", "m/model.json", []string{"m"}},
		"one of several there":  {tree{"m/a.gguf": weights, "m/b-00001-of-00001.gguf": weights, "m/c.gguf": weights}, "m/b", "m/b.json", []string{"m/a", "m/b", "m/c"}},
		"loose":                 {tree{"x.Q4_K_M.gguf": weights, "y.gguf": weights}, "x.Q4_K_M", "x.Q4_K_M/model.json", []string{"x.Q4_K_M", "y"}},
		"loose, split":          {tree{"x-00001-of-00002.gguf": weights, "x-00002-of-00002.gguf": weights}, "x", "x/model.json", []string{"x"}},
		"a name of odd letters": {tree{"my model.gguf": weights}, "my-model", "my model/model.json", []string{"my-model"}},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			s := open(t, models)
			must(t, save(s, model(t, s, c.id), "saved"))
			for range 2 { // as it is at once, and as it is read anew
				m := model(t, s, c.id)
				if m.Manifest.Description != "saved" || !m.Ready || m.File != filepath.Join(models, c.wrote) {
					t.Errorf("%s, ready %v, %q: %v", m.File, m.Ready, m.Manifest.Description, m.Err)
				}
				if got := ids(s); !reflect.DeepEqual(got, c.ids) {
					t.Errorf("got %q, want %q", got, c.ids)
				}
				must(t, s.Scan())
			}
			info, err := os.Stat(filepath.Join(models, c.wrote))
			must(t, err)
			if info.Mode() != 0o600 {
				t.Errorf("mode %v", info.Mode())
			}
			left, err := filepath.Glob(filepath.Join(models, "*", ".*"))
			must(t, err)
			if len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// TestEditKeepsUnknownKeys: what this version does not know outlives a change.
func TestEditKeepsUnknownKeys(t *testing.T) {
	s := plantAndOpen(t, tree{"m/model.json": `{"x_theirs": {"a": [1.50]}, "metadata": {"x": 12345678901234567890}, "sources": [{"filename": "x.gguf", "y": true}]}`})
	m := model(t, s, "m")
	must(t, save(s, m, "saved"))
	text, err := os.ReadFile(m.File)
	must(t, err)
	for _, want := range []string{`1.50`, `12345678901234567890`, `"y": true`, `"x_theirs"`, `"saved"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is lost:\n%s", want, text)
		}
	}
}

// TestEditFillsMaps: a change may write into the maps of a model that had none, and
// those that it leaves empty are not written.
func TestEditFillsMaps(t *testing.T) {
	s := plantAndOpen(t, tree{"m/model.json": source("", "https://huggingface.co/a/b")})
	must(t, s.Edit("m", func(manifest *sdk.Manifest) error {
		manifest.Settings["mmproj"], manifest.Metadata["repository"] = "mmproj.gguf", "https://huggingface.co/a/b"
		manifest.Parameters["top_p"] = 0.5
		delete(manifest.Parameters, "top_p")
		return nil
	}))
	m := model(t, s, "m")
	text, err := os.ReadFile(m.File)
	must(t, err)
	if m.Manifest.Settings["mmproj"] != "mmproj.gguf" || m.Manifest.Metadata["repository"] == nil || strings.Contains(string(text), "parameters") {
		t.Errorf("got %s", text)
	}
}

// TestEditIsWhole: whoever reads while a model is saved sees the old or the new.
func TestEditIsWhole(t *testing.T) {
	models := plant(t, tree{"m/model.json": `{"engine": "api", "description": "` + strings.Repeat("a", 50_000) + `"}`})
	s := open(t, models)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			doc, err := store.ReadFile(filepath.Join(models, "m", "model.json"), "model.json")
			if err != nil {
				t.Errorf("half a file: %v", err)
				return
			}
			if text, _ := doc.Value["description"].(string); len(text) != 50_000 || strings.Trim(text, text[:1]) != "" {
				t.Errorf("half a file: %d bytes", len(text))
				return
			}
			if m, err := s.Model("m"); err != nil || m.Err != nil {
				t.Errorf("half a model: %v %v", err, m.Err)
				return
			}
		}
	})
	var writers sync.WaitGroup
	for _, letter := range []string{"b", "c"} {
		writers.Go(func() {
			for range 25 {
				if err := save(s, s.Models()[0], strings.Repeat(letter, 50_000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func TestStage(t *testing.T) {
	models := plant(t, tree{"other/model.json": `{}`})
	s := open(t, models)
	for _, id := range []string{"new", "author/new"} {
		stage, err := s.Stage(id)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(stage.Dir, "x.gguf"), []byte(weights), 0o600))
		must(t, s.Scan())
		if _, err := s.Model(id); err == nil {
			t.Errorf("%s is there before it is whole: %q", id, ids(s))
		}
		must(t, stage.Commit(sdk.Manifest{ID: "another", Name: "New"}))
		stage.Discard() // does nothing
		m := model(t, s, id)
		if !m.Ready || m.Manifest.Name != "New" || m.Dir != filepath.Join(models, id) {
			t.Errorf("%s: ready %v, %s in %s: %v", id, m.Ready, m.Manifest.Name, m.Dir, m.Err)
		}
		if _, err := s.Model("another"); err == nil {
			t.Error("it answers to another id")
		}
		info, err := os.Stat(m.File)
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	}
	left, err := os.ReadDir(filepath.Join(models, ".staging"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("%d folders are left behind", len(left))
	}
}

func TestStageRefuses(t *testing.T) {
	models := plant(t, tree{"m/model.json": `{}`, "author/m/model.json": `{}`, "empty/": "", "file": "", "loose.gguf": weights, "several/a.json": `{}`, "several/b.json": `{}`, "my model/model.json": `{}`})
	s := open(t, models)
	for id, want := range map[string]string{
		"": "no model id", "../x": "no model id", "a/../../x": "no model id", "/etc/x": "no model id", `a\..\x`: "no model id",
		".staging/x": "no model id", ".hidden": "no model id", "a b": "no model id",
		"a/b/c/d/e": "too many parts",
		"m":         "already", "author": "already", "author/m": "already", "empty": "already", "file": "already", "loose": "already",
		"my-model": "already", "several/a": "already",
		"m/below": "models/m is a model itself", "several/c": "models/several is a model itself", "m/a/b": "models/m is a model itself",
	} {
		t.Run(id, func(t *testing.T) {
			_, err := s.Stage(id)
			if sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(models, ".staging")); err == nil {
		t.Error("a refused id made a folder")
	}
}

// TestCommitOnce: of two that make one model, one succeeds, and the other's
// files stay its own.
func TestCommitOnce(t *testing.T) {
	s := plantAndOpen(t, nil)
	first, err := s.Stage("m")
	must(t, err)
	second, err := s.Stage("m")
	must(t, err)
	if first.Dir == second.Dir {
		t.Fatal("they share a folder")
	}
	must(t, first.Commit(sdk.Manifest{Name: "first", Engine: "api"}))
	if err := second.Commit(sdk.Manifest{Name: "second"}); sdk.CodeOf(err) != sdk.CodeInvalid {
		t.Errorf("got %v", err)
	}
	second.Discard()
	if _, err := os.Stat(second.Dir); err == nil {
		t.Error("what was discarded is still there")
	}
	if m := model(t, s, "m"); m.Manifest.Name != "first" {
		t.Errorf("it is the %s", m.Manifest.Name)
	}
}

// TestCrashBeforeCommit: what was staged when the program ended is not listed by
// the next one, and takes up no room.
func TestCrashBeforeCommit(t *testing.T) {
	models := plant(t, nil)
	s := open(t, models)
	stage, err := s.Stage("m")
	must(t, err)
	grow(t, stage.Dir, tree{"model.json": `{}`, "x.gguf": weights}) // all but the rename
	if got := ids(open(t, models)); len(got) > 0 {
		t.Errorf("it lists %q", got)
	}
	if _, err := os.Stat(stage.Dir); err == nil {
		t.Error("what was staged is still there")
	}
	if again, err := s.Stage("m"); err != nil {
		t.Errorf("it cannot be staged again: %v", err)
	} else {
		again.Discard()
	}
}

// TestEditWritesWhatWasSaid: what the store fills in is not written down, and
// the name that the file gives the model stays.
func TestEditWritesWhatWasSaid(t *testing.T) {
	for name, c := range map[string]struct {
		files tree
		want  string
	}{
		"a file":  {tree{"m/model.json": `{"id": "llama2", "metadata": {"a": 1}}`, "m/x.Q8_0.gguf": weights}, `{"id":"llama2","description":"saved","metadata":{"a":1}}`},
		"no file": {tree{"m/x.Q8_0.gguf": weights}, `{"description":"saved"}`},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			s := open(t, models)
			must(t, save(s, model(t, s, "m"), "saved"))
			text, err := os.ReadFile(filepath.Join(models, "m", "model.json"))
			must(t, err)
			if got := strings.Join(strings.Fields(string(text)), ""); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			must(t, s.Edit("m", func(manifest *sdk.Manifest) error {
				manifest.Metadata = map[string]any{"quantization": "mine"}
				manifest.Engine = "other"
				return nil
			}))
			if m := model(t, s, "m"); m.Manifest.Metadata["quantization"] != "mine" || m.Manifest.Engine != "other" {
				t.Errorf("a change was lost: %+v", m.Manifest)
			}
		})
	}
}
