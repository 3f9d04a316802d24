package local_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// TestImport: what lies on this disk becomes a model, as a link, a copy, or moved.
func TestImport(t *testing.T) {
	for name, c := range map[string]struct {
		files  tree
		path   string
		ids    []string
		mmproj bool
		copied []string // files of the first model when it is copied
		stay   []string // what a move leaves
	}{
		"a file":           {files: tree{"x.Q4_K_M.gguf": weights}, path: "x.Q4_K_M.gguf", ids: []string{"x.Q4_K_M"}, copied: []string{"model.json", "x.Q4_K_M.gguf"}},
		"an odd name":      {files: tree{"My model (1).gguf": weights}, path: "My model (1).gguf", ids: []string{"My-model-1-"}, copied: []string{"My model (1).gguf", "model.json"}},
		"without ending":   {files: tree{"blob": weights}, path: "blob", ids: []string{"blob"}, copied: []string{"blob.gguf", "model.json"}},
		"beside others":    {files: tree{"x.gguf": weights, "y.gguf": weights, "mmproj-y.gguf": projector, "notes.txt": ""}, path: "x.gguf", ids: []string{"x"}, copied: []string{"model.json", "x.gguf"}, stay: []string{"mmproj-y.gguf", "notes.txt", "y.gguf"}},
		"with a projector": {files: tree{"x-Q4_0.gguf": weights, "y.gguf": weights, "mmproj-x-f16.gguf": projector}, path: "x-Q4_0.gguf", ids: []string{"x-Q4_0"}, mmproj: true, copied: []string{"mmproj-x-f16.gguf", "model.json", "x-Q4_0.gguf"}, stay: []string{"y.gguf"}},
		"parts":            {files: tree{"x-00001-of-00002.gguf": weights, "x-00002-of-00002.gguf": weights}, path: "x-00002-of-00002.gguf", ids: []string{"x"}, copied: []string{"model.json", "x-00001-of-00002.gguf", "x-00002-of-00002.gguf"}},
		"a link":           {files: tree{"x.gguf": "-> real", "real": weights}, path: "x.gguf", ids: []string{"x"}, copied: []string{"model.json", "x.gguf"}, stay: []string{"real"}},
		"a folder":         {files: tree{"m/x.gguf": weights, "m/mmproj.gguf": projector, "m/LICENSE": "", "m/cat.jpg": ""}, path: "m", ids: []string{"m"}, mmproj: true, copied: []string{"LICENSE", "mmproj.gguf", "model.json", "x.gguf"}, stay: []string{"m/cat.jpg"}},
		"a model's folder": {files: tree{"m/model.json": `{"settings": {"ctx_len": 77}}`, "m/x.gguf": weights}, path: "m", ids: []string{"m"}, copied: []string{"model.json", "x.gguf"}},
		"a model file":     {files: tree{"m/a.json": `{"sources": [{"filename": "a.gguf"}]}`, "m/b.json": `{"sources": [{"filename": "b.gguf"}]}`, "m/a.gguf": weights, "m/b.gguf": weights}, path: "m/b.json", ids: []string{"m/b"}, copied: []string{"b.gguf", "model.json"}, stay: []string{"m/a.gguf", "m/a.json"}},
		"a folder of two":  {files: tree{"m/a.gguf": weights, "m/b.gguf": weights + "b"}, path: "m", ids: []string{"m/a", "m/b"}, copied: []string{"a.gguf", "model.json"}},
		"Cortex":           {files: tree{"m/model.yml": "model: old\nfiles: [models/elsewhere/x.gguf]\nctx_len: 77\n", "m/x.gguf": weights}, path: "m", ids: []string{"m"}, copied: []string{"model.json", "x.gguf"}},
		"Jan, linked":      {files: tree{"m/model.json": `{"sources": [{"filename": "x.gguf", "url": "HERE/x.gguf"}], "settings": {"ctx_len": 77, "llama_model_path": "x.gguf"}}`, "x.gguf": weights}, path: "m", ids: []string{"m"}, copied: []string{"model.json", "x.gguf"}},
	} {
		for _, mode := range []string{local.Link, local.Copy, local.Move} {
			t.Run(name+", "+mode, func(t *testing.T) {
				dir, s := planted(t, c.files), open(t)
				before := files(t, dir)
				ids, err := bring(t, s, filepath.Join(dir, filepath.FromSlash(c.path)), local.Options{Mode: mode})
				must(t, err)
				if !slices.Equal(ids, c.ids) {
					t.Fatalf("got %q, want %q", ids, c.ids)
				}
				for _, id := range ids {
					m := model(t, s, id)
					if m.Linked != (mode == local.Link) || (m.MMProj != "") != c.mmproj {
						t.Errorf("%s: linked %v, projector %q", id, m.Linked, m.MMProj)
					}
					if m.Manifest.Metadata["architecture"] != "llama" || m.Manifest.Settings["ctx_len"] == nil {
						t.Errorf("%s says too little: %+v", id, m.Manifest)
					}
					if mode != local.Link && strings.Contains(string(m.JSON()), dir) {
						t.Errorf("%s tells where it came from: %s", id, m.JSON())
					}
				}
				switch m := model(t, s, ids[0]); {
				case mode != local.Link && !slices.Equal(files(t, m.Dir), c.copied):
					t.Errorf("it has %q, want %q", files(t, m.Dir), c.copied)
				case mode == local.Link && len(files(t, m.Dir)) != 1:
					t.Errorf("a link has %q", files(t, m.Dir))
				}
				want := before
				if mode == local.Move {
					want = c.stay
				}
				if _, err := os.Stat(filepath.Join(dir, c.path)); err == nil && mode == local.Move && strings.Contains(name, "model's folder") {
					t.Error("the empty folder is still there")
				}
				if got := files(t, dir); !slices.Equal(got, want) {
					t.Errorf("there is left %q, want %q", got, want)
				}
				for _, id := range ids { // and back, without a trace
					must(t, s.Remove(id, true))
				}
				untouched(t, s)
				if got := files(t, dir); !slices.Equal(got, want) {
					t.Errorf("the removal left %q of %q", got, want)
				}
			})
		}
	}
}

// TestSettingsStay: what a model file says comes along, and where its weights can be
// had again.
func TestSettingsStay(t *testing.T) {
	dir, s := planted(t, tree{"m/model.json": `{"name": "M", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ctx_len": 77}, "parameters": {"max_tokens": 7}}`, "m/x.gguf": weights}), open(t)
	_, err := bring(t, s, filepath.Join(dir, "m"), local.Options{Mode: local.Copy})
	must(t, err)
	m := model(t, s, "m")
	if text := string(m.JSON()); !strings.Contains(text, `"ctx_len":77`) || !strings.Contains(text, `"max_tokens":7`) || !strings.Contains(text, `"name":"M"`) || !strings.Contains(text, "https://models.example/x.gguf") {
		t.Errorf("it says %s", text)
	}
}

func TestImportRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files tree
		path  string
		o     local.Options
		want  string
		code  sdk.Code
	}{
		"nothing there":           {path: "gone.gguf", want: "There is no file", code: sdk.CodeNotFound},
		"an empty folder":         {files: tree{"m/cat.jpg": ""}, path: "m", want: "There is no model in", code: sdk.CodeNotFound},
		"a picture":               {files: tree{"cat.jpg": "JFIF"}, path: "cat.jpg", want: "neither a GGUF file nor a zip", code: sdk.CodeInvalid},
		"text by a model's name":  {files: tree{"x.gguf": "<html>log in</html>"}, path: "x.gguf", want: "x.gguf cannot be used", code: sdk.CodeInvalid},
		"empty":                   {files: tree{"x.gguf": ""}, path: "x.gguf", want: "x.gguf cannot be used", code: sdk.CodeInvalid},
		"half":                    {files: tree{"x.gguf": "GUIDE"}, path: "x.gguf", want: "x.gguf is not whole: of 883.2 kB there are 441.6 kB", code: sdk.CodeInvalid},
		"a part is missing":       {files: tree{"x-00001-of-00002.gguf": weights}, path: "x-00001-of-00002.gguf", want: "x-00002-of-00002.gguf is not beside it", code: sdk.CodeInvalid},
		"a projector":             {files: tree{"mmproj-x.gguf": projector}, path: "mmproj-x.gguf", want: "is the projector of a vision model", code: sdk.CodeInvalid},
		"a projector that is not": {files: tree{"x.gguf": weights, "mmproj.gguf": weights}, path: "x.gguf", want: "mmproj.gguf cannot be used", code: sdk.CodeInvalid},
		"a loop":                  {files: tree{"a": "-> b", "b": "-> a"}, path: "a", want: "cannot be read", code: sdk.CodeInvalid},
		"a broken model file":     {files: tree{"m/model.json": `{"settings": 7}`, "m/x.gguf": weights}, path: "m", want: "settings", code: sdk.CodeInvalid},
		"no id":                   {files: tree{"x.gguf": weights}, path: "x.gguf", o: local.Options{ID: "../x"}, want: "is no model id", code: sdk.CodeInvalid},
		"no mode":                 {files: tree{"x.gguf": weights}, path: "x.gguf", o: local.Options{Mode: "steal"}, want: "link, copy or move", code: sdk.CodeInvalid},
		"safetensors, linked":     {files: tree{"m/x.safetensors": "x", "m/config.json": "{}"}, path: "m", want: "copy or move it", code: sdk.CodeUnsupported},
		"no zip":                  {files: tree{"x.zip": "text"}, path: "x.zip", want: "The zip cannot be read", code: sdk.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if c.files["x.gguf"] == "GUIDE" {
				g := guide(t)
				c.files["x.gguf"] = g[:len(g)/2]
			}
			dir, s := planted(t, c.files), open(t)
			ids, err := bring(t, s, filepath.Join(dir, c.path), c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(ids) > 0 {
				t.Fatalf("got %q, %v; want %s", ids, err, c.want)
			}
			if got := sdk.CodeOf(err); got != c.code {
				t.Errorf("the code of %v is %s, want %s", err, got, c.code)
			}
			untouched(t, s)
			if got := len(files(t, dir)); got != len(c.files) {
				t.Errorf("%d files are left", got)
			}
		})
	}
}

func TestRefs(t *testing.T) {
	home := planted(t, tree{"x.gguf": weights, "with space.gguf": weights})
	env := nowhere(t)
	env.Home = home
	for ref, want := range map[string]string{
		filepath.Join(home, "x.gguf"):                  "x",
		"~/x.gguf":                                     "x",
		"file://" + filepath.Join(home, "x.gguf"):      "x",
		"file:" + filepath.Join(home, "x.gguf"):        "x",
		"file://localhost" + home + "/x.gguf":          "x",
		"file://" + home + "/with%20space.gguf":        "with-space",
		filepath.Join(home, "..", filepath.Base(home)): "",
	} {
		if !local.Claims(sdk.Ref(ref), env) {
			t.Errorf("%s is not claimed", ref)
		}
		found, err := local.Resolve(sdk.Ref(ref), env)
		if want != "" && (err != nil || found[0].ID != want) {
			t.Errorf("%s: %v, %v", ref, found, err)
		}
	}
	for _, ref := range []string{"hf://o/r", "https://x.example/x.gguf", "jan://models/huggingface/o/r", "jan://localhost", "o/r", "C:x", ""} {
		if local.Claims(sdk.Ref(ref), env) {
			t.Errorf("%s is claimed", ref)
		}
		if _, err := local.Resolve(sdk.Ref(ref), env); sdk.CodeOf(err) != sdk.CodeUnsupported {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for _, ref := range []string{"./x.gguf", "../x.gguf", "file:x.gguf", "file://server/x.gguf"} {
		if _, err := local.Resolve(sdk.Ref(ref), env); sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// TestTwice: the same weights are not brought in again by a slip.
func TestTwice(t *testing.T) {
	g := guide(t)
	dir, s := planted(t, tree{"x.gguf": g, "a/same.gguf": g, "link.gguf": "-> x.gguf", "other.gguf": g[:len(g)-1] + "!"}), open(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, mode := range []string{local.Link, local.Copy} {
		_, err := bring(t, s, at("x.gguf"), local.Options{Mode: mode})
		must(t, err)
		for _, again := range []string{"x.gguf", "a/same.gguf", "link.gguf", "a"} {
			if _, err := bring(t, s, at(again), local.Options{Mode: mode}); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "'x' has these weights already") {
				t.Errorf("%s: %v", again, err)
			}
		}
		if _, err := bring(t, s, at("other.gguf"), local.Options{}); err != nil {
			t.Errorf("others of the same length: %v", err)
		}
		if ids, err := bring(t, s, at("x.gguf"), local.Options{ID: "again", Mode: mode}); err != nil || ids[0] != "again" {
			t.Errorf("under another id: %q, %v", ids, err)
		}
		if _, err := bring(t, s, at("x.gguf"), local.Options{ID: "x", Mode: mode}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("under the same id: %v", err)
		}
		if _, err := bring(t, s, at("x.gguf"), local.Options{ID: "moved", Mode: local.Move}); mode == local.Link && !errors.Is(err, store.ErrConflict) {
			t.Errorf("what others use was moved: %v", err)
		}
		for _, id := range []string{"x", "other", "again", "moved"} {
			_ = s.Remove(id, true) // not all are there
		}
		grow(t, dir, tree{"x.gguf": g})
	}
}

// TestCanceled: an import that is given up, or for which there is no room, leaves
// nothing, and the original as it was.
func TestCanceled(t *testing.T) {
	dir, s := planted(t, tree{"x.gguf": guide(t)}), open(t)
	f := one(t, filepath.Join(dir, "x.gguf"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, mode := range []string{local.Copy, local.Move} {
		if _, err := local.Import(ctx, s, f, local.Options{Mode: mode}, nil); sdk.CodeOf(err) != sdk.CodeCanceled {
			t.Errorf("%s: %v", mode, err)
		}
	}
	free := func(string) (uint64, error) { return 1_000_000, nil }
	_, err := local.Import(t.Context(), s, f, local.Options{Mode: local.Copy, Free: free, Reserve: 900_000}, nil)
	if sdk.CodeOf(err) != sdk.CodeExhausted || !strings.Contains(err.Error(), "1.0 MB are free") {
		t.Errorf("no room: %v", err)
	}
	untouched(t, s)
	if _, err := os.Stat(filepath.Join(dir, "x.gguf")); err != nil {
		t.Error(err)
	}
	var last local.Progress
	_, err = local.Import(t.Context(), s, f, local.Options{Mode: local.Copy, Free: free}, func(p local.Progress) { last = p })
	if err != nil || last != (local.Progress{Phase: "copying", Done: f.Size, Total: f.Size}) {
		t.Errorf("%+v, %v", last, err)
	}
}
