package store_test

import (
	"cmp"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// TestIDs: which models a tree has, and to what other names they answer.
func TestIDs(t *testing.T) {
	for name, c := range map[string]struct {
		files tree
		want  []string
		also  map[string]string // another name -> id
	}{
		"model.json": {
			files: tree{"bar/model.json": `{}`, "bar/x.gguf": weights},
			want:  []string{"bar"},
			also:  map[string]string{"bar/model": "bar"},
		},
		"one file of another name": {
			files: tree{"foo/zephyr q4.json": `{}`, "foo/x.gguf": weights},
			want:  []string{"foo"},
			also:  map[string]string{"foo/zephyr-q4": "foo"},
		},
		"several files": {
			files: tree{"foo/q4.json": `{}`, "foo/q8.json": `{}`},
			want:  []string{"foo/q4", "foo/q8"},
		},
		"model.json beside another": {
			files: tree{"foo/model.json": `{}`, "foo/q8.json": `{}`},
			want:  []string{"foo", "foo/q8"},
			also:  map[string]string{"foo/model": "foo"},
		},
		"nested": {
			files: tree{"author/one/model.json": `{}`, "author/two/model.json": `{}`, "a/b/c/d/model.json": `{}`, "a/b/c/d2/e/model.json": `{}`},
			want:  []string{"a/b/c/d", "author/one", "author/two"}, // at most four deep
		},
		"a model hides what is below it": {
			files: tree{"foo/model.json": `{}`, "foo/bar/model.json": `{}`},
			want:  []string{"foo"},
		},
		"spaces and odd letters": {
			files: tree{"My Model (v2)/model.json": `{}`, "größe/a b.json": `{}`, "größe/c.json": `{}`},
			want:  []string{"My-Model-v2-", "gr-e/a-b", "gr-e/c"},
		},
		"hidden": {
			files: tree{".staging/m1/model.json": `{}`, "foo/.model-1.json": `{}`, "foo/model.json": `{}`, ".x.gguf": weights},
			want:  []string{"foo"},
		},
		"loose weights": {
			files: tree{"x.Q4_K_M.gguf": weights, "big-00001-of-00002.gguf": weights, "big-00002-of-00002.gguf": weights, "notes.txt": "", "mmproj-f16.gguf": weights},
			want:  []string{"big", "mmproj-f16", "x.Q4_K_M"},
		},
		"weights without a model file": {
			files: tree{"one/x.gguf": weights, "two/a.gguf": weights, "two/b.gguf": weights, "none/README.md": "", "empty/": ""},
			want:  []string{"one", "two/a", "two/b"},
		},
		"split without its first part": {
			files: tree{"foo/x-00002-of-00003.gguf": weights, "foo/x-00003-of-00003.gguf": weights},
			want:  []string{"foo"},
		},
		"model.yml": {
			files: tree{"jan/model.yml": "model_path: llamacpp/models/jan/model.gguf\n", "jan/model.gguf": weights, "cortex.so/phi/3b/model.yml": "model: phi:3b\n", "both/model.yml": "", "both/x.json": "{}"},
			want:  []string{"both", "cortex.so/phi/3b", "jan"},
			also:  map[string]string{"both/x": "both"},
		},
		"safetensors with its own files": {
			files: tree{"st/config.json": `{}`, "st/tokenizer.json": `{}`, "st/model.safetensors.index.json": `{}`, "st/model-00001-of-00002.safetensors": "", "st/model-00002-of-00002.safetensors": "", "st/pytorch_model.bin": ""},
			want:  []string{"st"},
		},
		"another id in the file": {
			files: tree{"foo/model.json": `{"id": "llama2"}`, "bar/model.json": `{"id": "foo"}`, "odd/model.json": `{"id": "../up"}`},
			want:  []string{"bar", "foo", "odd"},
			also:  map[string]string{"llama2": "foo", "foo": "foo"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := plantAndOpen(t, c.files)
			if got := ids(s); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for _, id := range c.want {
				if m := model(t, s, id); m.ID != id || !store.ValidID(id) {
					t.Errorf("%s is %s, or no valid id", id, m.ID)
				}
			}
			for other, id := range c.also {
				if m := model(t, s, other); m.ID != id {
					t.Errorf("%s is %s, want %s", other, m.ID, id)
				}
			}
		})
	}
}

func TestNoSuchModel(t *testing.T) {
	s := plantAndOpen(t, tree{"llama-3/model.json": `{}`})
	for id, want := range map[string]string{
		"llama-33":        "did you mean 'llama-3'?",
		"llama-3/other":   "does not exist",
		"":                "does not exist",
		"../llama-3":      "does not exist",
		"x\n\x1b[31mfake": "'x[31mfake' does not exist",
	} {
		t.Run(id, func(t *testing.T) {
			_, err := s.Model(id)
			if sdk.CodeOf(err) != sdk.CodeNotFound || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "llama-3.1_8B": true, "a/b/c": true, "a.b": true, "-": true, strings.Repeat("a", 512): true,
		"": false, ".": false, "..": false, "a//b": false, "/a": false, "a/": false, "../x": false, "a/../b": false,
		`a\b`: false, "%2e": false, "größe": false, "模型": false, "a b": false, "a\x00": false, "a\n": false,
		".hidden": false, "a/.b": false, ".staging/m1": false, strings.Repeat("a", 513): false,
	} {
		t.Run(id, func(t *testing.T) {
			if got := store.ValidID(id); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestNamesakes: of two models that claim one id, one keeps it and the other is
// listed with what is wrong.
func TestNamesakes(t *testing.T) {
	for name, c := range map[string]struct {
		files tree
		keeps string // model file or weights of the one that keeps the id
		says  []string
	}{
		"the exact one": {
			files: tree{"my model/model.json": `{}`, "my-model/model.json": `{}`, "my-model/x.gguf": weights},
			keeps: "models/my-model/model.json",
			says:  []string{"models/my model/model.json", "models/my-model/model.json"},
		},
		"the folder before loose weights": {
			files: tree{"my-model.gguf": weights, "my-model/x.gguf": weights},
			keeps: "models/my-model/x.gguf",
			says:  []string{"models/my-model.gguf", "models/my-model/x.gguf"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.files["my-model-2/model.json"] = `{}`
			s := plantAndOpen(t, c.files)
			if got, want := ids(s), []string{"my-model", "my-model-2", "my-model-3"}; !reflect.DeepEqual(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			first, other := model(t, s, "my-model"), model(t, s, "my-model-3")
			if kept := cmp.Or(first.File, first.Files[0]); !first.Ready || !strings.HasSuffix(kept, c.keeps) {
				t.Errorf("%s is %s: %v", first.ID, kept, first.Err)
			}
			if other.Ready || other.Err == nil {
				t.Fatalf("the other is %v: %v", other.Ready, other.Err)
			}
			for _, part := range append(c.says, "rename") {
				if !strings.Contains(other.Err.Error(), part) {
					t.Errorf("%v does not name %s", other.Err, part)
				}
			}
		})
	}
}
