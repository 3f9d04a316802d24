package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// TestBlobs: the stores of other tools name files by their hash. The source says
// what such a file is.
func TestBlobs(t *testing.T) {
	away := t.TempDir()
	grow(t, away, tree{"sha256-1": weights, "sha256-2": weights, "sha256-3": "no weights"})
	blob := func(name, file string) sdk.Source {
		return sdk.Source{Filename: name, URL: filepath.Join(away, file)}
	}
	s := plantAndOpen(t, tree{})
	must(t, s.Create("llama3.2-1b", sdk.Manifest{
		Sources:  []sdk.Source{blob("llama3.2-1b.gguf", "sha256-1"), blob("mmproj.gguf", "sha256-2")},
		Settings: map[string]any{"mmproj": "mmproj.gguf"},
	}))
	m := model(t, s, "llama3.2-1b")
	switch {
	case !m.Ready || !m.Linked || m.Header == nil:
		t.Errorf("ready %v, linked %v, header %v: %v", m.Ready, m.Linked, m.Header, m.Err)
	case m.Files[0] != filepath.Join(away, "sha256-1") || m.MMProj != filepath.Join(away, "sha256-2"):
		t.Errorf("weights %q, projector %q", m.Files, m.MMProj)
	}
	must(t, s.Remove(m.ID, true))
	if _, err := s.Model(m.ID); err == nil {
		t.Error("it is still there")
	}
	for _, file := range []string{"sha256-1", "sha256-2"} {
		if _, err := os.Stat(filepath.Join(away, file)); err != nil {
			t.Errorf("the removal of the link took what it led to: %v", err)
		}
	}

	err := s.Create("broken", sdk.Manifest{Sources: []sdk.Source{blob("x.gguf", "sha256-3")}})
	if err == nil {
		t.Error("a blob that is no GGUF was taken")
	}
	grow(t, s.Dir(), tree{"onnx/model.json": `{"sources": [{"filename": "x.onnx", "url": "` + filepath.Join(away, "sha256-3") + `"}]}`})
	must(t, s.Scan())
	if m := model(t, s, "onnx"); !m.Ready || m.Header != nil {
		t.Errorf("weights of another kind: ready %v, header %v: %v", m.Ready, m.Header, m.Err)
	}
}
