package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// TestEditsLoseNothing: of many edits at once, and one by hand in between, each
// stays.
func TestEditsLoseNothing(t *testing.T) {
	const edits = 50
	models := plant(t, tree{"m/model.json": `{"format": "api"}`})
	s := open(t, models)
	must(t, os.WriteFile(filepath.Join(models, "m", "model.json"), []byte(`{"format": "api", "description": "by hand"}`), 0o600))
	var all sync.WaitGroup
	for i := range edits {
		all.Go(func() {
			if err := s.Edit("m", func(m *sdk.Manifest) error {
				if m.Metadata == nil {
					m.Metadata = map[string]any{}
				}
				m.Metadata[fmt.Sprint(i)] = true
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if m := model(t, open(t, models), "m"); len(m.Manifest.Metadata) != edits || m.Manifest.Description != "by hand" {
		t.Errorf("%d of %d edits, description %q", len(m.Manifest.Metadata), edits, m.Manifest.Description)
	}
}

// TestEditRefuses: what was refused leaves the file, and the model in memory, as they were.
func TestEditRefuses(t *testing.T) {
	files := tree{"m/model.json": `{"settings": {"a": {"b": 1}}}`, "m/x.gguf": weights, "broken/model.json": `{"settings": [`,
		"a b/model.json": `{}`, "a-b/model.json": `{}`, "x/model.json": `{}`, "x.gguf": weights}
	for name, c := range map[string]struct {
		id     string
		change func(*sdk.Manifest) error
		code   sdk.Code
		says   string
	}{
		"another id":         {"m", func(m *sdk.Manifest) error { m.ID = "n"; return nil }, sdk.CodeInvalid, "cannot be changed"},
		"a wrong value":      {"m", func(m *sdk.Manifest) error { m.Settings["ctx_len"] = "many"; return nil }, sdk.CodeInvalid, "/settings/ctx_len: expected an integer"},
		"what outgrows it":   {"m", func(m *sdk.Manifest) error { m.Description = strings.Repeat("x", 1<<20); return nil }, sdk.CodeInvalid, "at most 1048576 bytes"},
		"an error of change": {"m", func(m *sdk.Manifest) error { m.Settings["a"].(map[string]any)["b"] = 2; return errors.New("no") }, sdk.CodeInternal, "no"},
		"a broken file":      {"broken", nil, sdk.CodeInvalid, "models/broken/model.json:1:"},
		"a namesake":         {"a-b-2", nil, sdk.CodeInvalid, "rename one of them"},
		"a loose namesake":   {"x-2", nil, sdk.CodeInvalid, "rename one of them"},
		"nobody":             {"nope", nil, sdk.CodeNotFound, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, files)
			s := open(t, models)
			err := s.Edit(c.id, c.change)
			if sdk.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("got %v, want %s", err, c.says)
			}
			for file, want := range files {
				if got, err := os.ReadFile(filepath.Join(models, file)); err != nil || string(got) != want {
					t.Errorf("%s is now %s (%v)", file, got, err)
				}
			}
			if b := model(t, s, "m").Manifest.Settings["a"].(map[string]any)["b"]; fmt.Sprint(b) != "1" {
				t.Errorf("the model that others hold was changed: %v", b)
			}
		})
	}
}

func TestCreate(t *testing.T) {
	models := plant(t, nil)
	s := open(t, models)
	original := filepath.Join(t.TempDir(), "original.gguf")
	must(t, os.WriteFile(original, []byte(weights), 0o600))
	broken := filepath.Join(t.TempDir(), "broken.gguf")
	must(t, os.WriteFile(broken, []byte("no weights"), 0o600))
	for id, c := range map[string]struct {
		manifest sdk.Manifest
		ready    bool
		says     string
	}{
		"linked":     {sdk.Manifest{Sources: []sdk.Source{{URL: original}}}, true, ""},
		"author/far": {sdk.Manifest{Sources: []sdk.Source{{URL: "https://models.example/x.gguf", Filename: "x.gguf"}}}, false, ""},
		"remote":     {sdk.Manifest{Format: "api"}, true, ""},
		"nothing":    {sdk.Manifest{}, false, "there are no weights here"},
		"gone":       {sdk.Manifest{Sources: []sdk.Source{{URL: "/nowhere/x.gguf"}}}, false, "x.gguf is not there"},
		"no-weights": {sdk.Manifest{Sources: []sdk.Source{{URL: broken}}}, false, "broken.gguf: gguf: "},
		"escape":     {sdk.Manifest{Format: "api", Sources: []sdk.Source{{Filename: "../../x.gguf"}}}, false, "/sources/0/filename"},
		"../out":     {sdk.Manifest{Format: "api"}, false, "no model id"},
	} {
		t.Run(id, func(t *testing.T) {
			err := s.Create(id, c.manifest)
			if c.says != "" {
				if sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %s", err, c.says)
				}
				if _, err := os.Lstat(filepath.Join(models, id)); err == nil {
					t.Error("something was made")
				}
				return
			}
			must(t, err)
			if m := model(t, s, id); m.Ready != c.ready || m.Err != nil {
				t.Errorf("ready %v: %v", m.Ready, m.Err)
			}
			if err := s.Create(id, c.manifest); !errors.Is(err, store.ErrConflict) {
				t.Errorf("made twice: %v", err)
			}
		})
	}
	if left, _ := os.ReadDir(filepath.Join(models, ".staging")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCreateBehindALink: a link of an author's folder leads out of the models folder.
func TestCreateBehindALink(t *testing.T) {
	away := plant(t, tree{"m/model.json": `{"format": "api"}`})
	s := open(t, plant(t, tree{"author": "-> " + away}))
	if err := s.Create("author/n", sdk.Manifest{Format: "api"}); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "models/author is a link") {
		t.Errorf("got %v", err)
	}
}
