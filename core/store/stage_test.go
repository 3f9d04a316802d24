package store_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

func TestCommitAll(t *testing.T) {
	of := func(name string) sdk.Manifest {
		return sdk.Manifest{Sources: []sdk.Source{{Filename: name}}}
	}
	for name, c := range map[string]struct {
		files     tree
		manifests map[string]sdk.Manifest
		ids       []string
		err       string
	}{
		"one":              {files: tree{"x.gguf": weights}, manifests: map[string]sdk.Manifest{"model": of("x.gguf")}, ids: []string{"new"}},
		"one of its name":  {files: tree{"x.gguf": weights}, manifests: map[string]sdk.Manifest{"Q4": of("x.gguf")}, ids: []string{"new"}},
		"two":              {files: tree{"x.gguf": weights, "y.gguf": weights}, manifests: map[string]sdk.Manifest{"a": of("x.gguf"), "b": of("y.gguf")}, ids: []string{"new/a", "new/b"}},
		"one of two lacks": {files: tree{"x.gguf": weights}, manifests: map[string]sdk.Manifest{"a": of("x.gguf"), "b": of("y.gguf")}, err: "b.json: y.gguf is not there"},
		"nothing":          {err: "there is no model"},
	} {
		t.Run(name, func(t *testing.T) {
			s := plantAndOpen(t, tree{})
			stage, err := s.Unnamed()
			must(t, err)
			defer stage.Discard()
			grow(t, stage.Dir, c.files)
			must(t, stage.Name("new"))
			err = stage.CommitAll(c.manifests)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || sdk.CodeOf(err) != sdk.CodeInvalid {
					t.Errorf("got %v, want %s", err, c.err)
				}
				if len(ids(s)) > 0 {
					t.Errorf("there is %q", ids(s))
				}
				return
			}
			must(t, err)
			if got := ids(s); !reflect.DeepEqual(got, c.ids) {
				t.Errorf("there are %q, want %q", got, c.ids)
			}
			for _, id := range c.ids {
				if m := model(t, s, id); !m.Ready || m.Manifest.ID != id {
					t.Errorf("%s: ready %v, %v", m.Manifest.ID, m.Ready, m.Err)
				}
			}
			if err := stage.Name("new"); !errors.Is(err, store.ErrConflict) {
				t.Errorf("a taken id: %v", err)
			}
		})
	}
}

// TestLook reads a folder that no store has.
func TestLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My models")
	grow(t, dir, tree{"model.yml": "model: x\nfiles: [models/elsewhere/x.gguf]\nctx_len: 512\n", "x.gguf": weights})
	models, err := store.Look(dir)
	must(t, err)
	if len(models) != 1 || models[0].ID != "My-models" || !models[0].Ready {
		t.Fatalf("%+v", models)
	}
	written, err := models[0].Written()
	must(t, err)
	if written.ID != "x" || written.Engine != "" || written.Settings["ctx_len"] == nil {
		t.Errorf("it says %+v", written)
	}
	if models, err := store.Look(t.TempDir()); err != nil || len(models) > 0 {
		t.Errorf("an empty folder: %v, %v", models, err)
	}
	if _, err := store.Look(filepath.Join(dir, "gone")); err == nil {
		t.Error("no folder, and no error")
	}
}
