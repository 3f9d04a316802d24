package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// variant is one quantization of the repository a/b.
func variant(name string) store.Variant {
	file := "b-" + name + ".gguf"
	return store.Variant{Name: name, Manifest: sdk.Manifest{
		Sources:  []sdk.Source{{Filename: file, URL: remote + file, Size: int64(len(weights))}},
		Metadata: map[string]any{"repository": "https://huggingface.co/a/b"},
	}}
}

func variants(names ...string) []store.Variant {
	var list []store.Variant
	for _, name := range names {
		list = append(list, variant(name))
	}
	return list
}

// ofRepository is a model file of the repository a/b, with more in it.
func ofRepository(more string) string {
	return `{"metadata": {"repository": "https://huggingface.co/a/b/"}` + more + `}`
}

// TestCatalogue: what becomes of a folder, and what its models are called then.
func TestCatalogue(t *testing.T) {
	const old = `, "sources": [{"filename": "b-Q4.gguf", "url": "https://old.example/b-Q4.gguf"}], "parameters": {"top_p": 0.5}, "x_mine": 1`
	for name, c := range map[string]struct {
		files tree
		add   []store.Variant
		ids   []string // that are returned
		all   []string
		has   map[string]string // file below models -> a part of its text
		lacks map[string]string
	}{
		"a new folder":              {add: variants("Q4", "Q8"), ids: []string{"b/Q4", "b/Q8"}, all: []string{"b/Q4", "b/Q8"}},
		"one variant":               {add: variants("Q4"), ids: []string{"b"}, all: []string{"b"}, has: map[string]string{"b/Q4.json": `"id": "b"`}},
		"a lone model":              {add: variants(""), ids: []string{"b"}, all: []string{"b"}, has: map[string]string{"b/model.json": `"id": "b"`}},
		"an empty folder":           {files: tree{"b/": ""}, add: variants("Q4", "Q8"), ids: []string{"b/Q4", "b/Q8"}, all: []string{"b/Q4", "b/Q8"}},
		"one beside others":         {files: tree{"b/Q4.json": ofRepository(""), "b/Q8.json": ofRepository("")}, add: variants("Q2"), ids: []string{"b/Q2"}, all: []string{"b/Q2", "b/Q4", "b/Q8"}},
		"a second one":              {files: tree{"b/Q4.json": ofRepository(`, "id": "b"`)}, add: variants("Q8"), ids: []string{"b/Q8"}, all: []string{"b/Q4", "b/Q8"}},
		"beside somebody's own":     {files: tree{"b/Q4.json": ofRepository(""), "b/mine.json": `{}`}, add: variants("Q8"), ids: []string{"b/Q8"}, all: []string{"b/Q4", "b/Q8", "b/mine"}},
		"beside one that is broken": {files: tree{"b/Q4.json": ofRepository(""), "b/bad.json": `{`}, add: variants("Q8"), ids: []string{"b/Q8"}, all: []string{"b/Q4", "b/Q8", "b/bad"}},
		"the same again": {files: tree{"b/Q4.json": ofRepository(old)}, add: variants("Q4", "Q8"), ids: []string{"b/Q4", "b/Q8"}, all: []string{"b/Q4", "b/Q8"},
			has: map[string]string{"b/Q4.json": `"x_mine": 1`, "b/Q8.json": `"id": "b/Q8"`}, lacks: map[string]string{"b/Q4.json": "old.example"}},
		"its weights are here, of before": {files: tree{"b/Q4.json": ofRepository(old), "b/b-Q4.gguf": weights + "longer"}, add: variants("Q4"), ids: []string{"b"}, all: []string{"b"},
			has: map[string]string{"b/Q4.json": "old.example"}},
		"its weights are here": {files: tree{"b/Q4.json": ofRepository(old), "b/b-Q4.gguf": weights}, add: variants("Q4", "Q8"), ids: []string{"b/Q4", "b/Q8"}, all: []string{"b/Q4", "b/Q8"},
			has: map[string]string{"b/Q4.json": "old.example"}},
		"one that is broken":        {files: tree{"b/Q4.json": `{`, "b/Q8.json": ofRepository("")}, add: variants("Q4", "Q8"), ids: []string{"b/Q4", "b/Q8"}, all: []string{"b/Q4", "b/Q8"}, has: map[string]string{"b/Q4.json": `{`}},
		"known by its first source": {files: tree{"b/model.json": fetched("x.gguf")}, add: []store.Variant{{Manifest: sdk.Manifest{Sources: []sdk.Source{{URL: "https://models.example/x.gguf"}}}}}, ids: []string{"b"}, all: []string{"b"}},
		"remote models":             {add: []store.Variant{{Name: "gpt-x", Manifest: sdk.Manifest{Format: "api"}}, {Name: "gpt-y", Manifest: sdk.Manifest{Engine: "api"}}}, ids: []string{"b/gpt-x", "b/gpt-y"}, all: []string{"b/gpt-x", "b/gpt-y"}},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			s := open(t, models)
			got, err := s.Catalogue("b", c.add)
			must(t, err)
			for range 2 {
				if !reflect.DeepEqual(got, c.ids) || !reflect.DeepEqual(ids(s), c.all) {
					t.Errorf("got %q of %q, want %q of %q", got, ids(s), c.ids, c.all)
				}
				must(t, s.Scan())
			}
			for file, part := range c.has {
				if text, err := os.ReadFile(filepath.Join(models, file)); err != nil || !strings.Contains(string(text), part) {
					t.Errorf("%s lacks %s: %v\n%s", file, part, err, text)
				}
			}
			for file, part := range c.lacks {
				if text, err := os.ReadFile(filepath.Join(models, file)); err != nil || strings.Contains(string(text), part) {
					t.Errorf("%s has %s: %v\n%s", file, part, err, text)
				}
			}
			if left, _ := os.ReadDir(filepath.Join(models, ".staging")); len(left) > 0 {
				t.Errorf("%d folders are left behind", len(left))
			}
		})
	}
}

// TestCatalogueRefuses: what belongs to something else stays as it was.
func TestCatalogueRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files  tree
		folder string
		add    []store.Variant
		want   string
		code   bool // it is invalid, and no conflict
	}{
		"another repository":      {files: tree{"b/Q4.json": `{"metadata": {"repository": "https://huggingface.co/c/b"}}`}, add: variants("Q8"), want: "models/b holds something else"},
		"somebody's own model":    {files: tree{"b/model.json": `{}`, "b/x.gguf": weights}, add: variants("Q8"), want: "models/b holds something else"},
		"weights without files":   {files: tree{"b/x.gguf": weights}, add: variants("Q8"), want: "models/b holds something else"},
		"a model.yml":             {files: tree{"b/model.yml": "metadata: {repository: https://huggingface.co/a/b}\n"}, add: variants("Q8"), want: "models/b holds something else"},
		"models below":            {files: tree{"b/one/model.json": `{}`}, add: variants("Q8"), want: "models/b holds something else"},
		"other files":             {files: tree{"b/README.md": ""}, add: variants("Q8"), want: "models/b holds something else"},
		"loose weights":           {files: tree{"b.gguf": weights}, add: variants("Q8"), want: "a model 'b' already"},
		"a link":                  {files: tree{"b": "-> ../out"}, add: variants("Q8"), want: "models/b is a link"},
		"behind a link":           {files: tree{"a": "-> ../out"}, folder: "a/b", add: variants("Q8"), want: "models/a is a link"},
		"a file":                  {files: tree{"b": ""}, add: variants("Q8"), want: "models/b is no folder"},
		"inside a model":          {files: tree{"a/model.json": `{}`}, folder: "a/b", add: variants("Q8"), want: "models/a is a model itself"},
		"a folder of that name":   {files: tree{"b/Q4.json": ofRepository(""), "b/Q8.json/": ""}, add: variants("Q8"), want: "models/b/Q8.json is there already"},
		"no variants":             {want: "no model", code: true},
		"a folder that leads out": {folder: "../b", add: variants("Q8"), want: "no model id", code: true},
		"a name that leads out":   {add: variants("../Q8"), want: "cannot be the name", code: true},
		"a name of two parts":     {add: variants("a/Q8"), want: "cannot be the name", code: true},
		"a hidden name":           {add: variants(".Q8"), want: "cannot be the name", code: true},
		"a name that is no model": {add: variants("config"), want: "cannot be the name", code: true},
		"one name twice":          {add: variants("Q8", "q8"), want: "another name", code: true},
		"a file that leads out":   {add: []store.Variant{variant("Q4"), {Name: "Q8", Manifest: sdk.Manifest{Sources: []sdk.Source{{Filename: "../../x.gguf", URL: remote + "x.gguf"}}}}}, want: "a path inside the folder", code: true},
		"nothing to fetch":        {add: []store.Variant{variant("Q4"), {Name: "Q8"}}, want: "no weights here", code: true},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			must(t, os.MkdirAll(filepath.Join(models, "../out"), 0o755))
			s := open(t, models)
			if c.folder == "" {
				c.folder = "b"
			}
			before := left(t, filepath.Dir(models))
			got, err := s.Catalogue(c.folder, c.add)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, store.ErrConflict) == c.code || sdk.CodeOf(err) != sdk.CodeInvalid {
				t.Errorf("got %q, %v; want %s", got, err, c.want)
			}
			if after := left(t, filepath.Dir(models)); !reflect.DeepEqual(before, after) {
				t.Errorf("left %q, want %q", after, before)
			}
		})
	}
}

// TestCatalogueKeepsNames: a model that was alone answers to its old id when it
// no longer is.
func TestCatalogueKeepsNames(t *testing.T) {
	s := plantAndOpen(t, nil)
	for _, name := range []string{"Q4", "Q8"} {
		_, err := s.Catalogue("b", variants(name))
		must(t, err)
	}
	if m := model(t, s, "b"); m.ID != "b/Q4" {
		t.Errorf("b is %s", m.ID)
	}
}

// TestCatalogueAtOnce: of many that catalogue and look, none sees half of it.
func TestCatalogueAtOnce(t *testing.T) {
	s := plantAndOpen(t, nil)
	s.OnChange(func(c store.Change) {
		if len(c.Added) > 0 && len(c.Added) != 3 {
			t.Errorf("half of it came: %q", c.Added)
		}
	})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if got, err := s.Catalogue("b", variants("Q2", "Q4", "Q8")); err != nil || !reflect.DeepEqual(got, []string{"b/Q2", "b/Q4", "b/Q8"}) {
				t.Errorf("got %q, %v", got, err)
			}
		})
		all.Go(func() { must(t, s.Scan()) })
	}
	all.Wait()
	for _, m := range s.Models() {
		if m.Err != nil || m.Ready {
			t.Errorf("%s: ready %v, %v", m.ID, m.Ready, m.Err)
		}
	}
}
