package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// plantRoots writes a tree beside the models folder, too, and returns the folder
// of both.
func plantRoots(t *testing.T, files tree) string {
	t.Helper()
	dir := t.TempDir()
	grow(t, dir, files)
	return dir
}

// openRoots opens the store of DIR/models and of further roots below DIR; one
// whose name ends in ":rw" may be written.
func openRoots(t *testing.T, dir string, further ...string) *store.Store {
	t.Helper()
	c := store.Config{Dir: filepath.Join(dir, "models"), Log: hclog.NewNullLogger()}
	for _, name := range further {
		name, writable := strings.CutSuffix(name, ":rw")
		if !strings.HasPrefix(name, "~") {
			name = filepath.Join(dir, name)
		}
		c.Further = append(c.Further, store.Root{Dir: name, Writable: writable})
	}
	s, err := store.Open(c)
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// TestRoots: which models several roots have together, and where each lies.
func TestRoots(t *testing.T) {
	for name, c := range map[string]struct {
		files   tree
		further []string
		want    map[string]string // id -> model file or weights, below the folder of all
		errs    map[string][]string
	}{
		"two": {files: tree{"models/m/x.gguf": weights, "nas/author/n/x.gguf": weights, "nas/loose.gguf": weights}, further: []string{"nas"},
			want: map[string]string{"m": "models/m/x.gguf", "author/n": "nas/author/n/x.gguf", "loose": "nas/loose.gguf"}},
		"three, one missing": {files: tree{"models/m/x.gguf": weights, "b/n/x.gguf": weights}, further: []string{"a", "b"},
			want: map[string]string{"m": "models/m/x.gguf", "n": "b/n/x.gguf"}},
		"a file for a root": {files: tree{"models/m/x.gguf": weights, "a": ""}, further: []string{"a"}, want: map[string]string{"m": "models/m/x.gguf"}},
		"one id": {files: tree{"models/m/model.json": `{}`, "a/m/x.gguf": weights, "b/m/x.gguf": weights, "b/n/x.gguf": weights, "a/n/x.gguf": weights}, further: []string{"b", "a"},
			want: map[string]string{"m": "models/m/model.json", "m-2": "", "m-3": "", "n": "b/n/x.gguf", "n-2": ""},
			errs: map[string][]string{"m-2": {"b/m", "models/m/model.json"}, "m-3": {"a/m", "models/m/model.json"}, "n-2": {"a/n", "b/n/x.gguf"}}},
		"the primary root's, although it is less exact": {files: tree{"models/my m/x.gguf": weights, "a/my-m/x.gguf": weights}, further: []string{"a"},
			want: map[string]string{"my-m": "models/my m/x.gguf", "my-m-2": ""}, errs: map[string][]string{"my-m-2": {"a/my-m", "models/my m/x.gguf"}}},
		"roots of one name": {files: tree{"models/m/x.gguf": "bad", "a/models/m/x.gguf": weights, "b/models/n/x.gguf": "bad"}, further: []string{"a/models", "b/models"},
			want: map[string]string{"m": "models/m/x.gguf", "m-2": "", "n": "b/models/n/x.gguf"}, errs: map[string][]string{"m": {"x.gguf"}, "m-2": {"a/models/m", " models/m/x.gguf"}, "n": {"x.gguf"}}},
		"one root twice":               {files: tree{"models/": "", "a/m/x.gguf": weights}, further: []string{"a", "a/"}, want: map[string]string{"m": "a/m/x.gguf"}},
		"one root by another path":     {files: tree{"models/": "", "a/m/x.gguf": weights, "b": "-> a"}, further: []string{"a", "b"}, want: map[string]string{"m": "a/m/x.gguf"}},
		"the models folder once more":  {files: tree{"models/m/x.gguf": weights, "b": "-> models"}, further: []string{"models", "b"}, want: map[string]string{"m": "models/m/x.gguf"}},
		"a link":                       {files: tree{"models/": "", "a/m/x.gguf": weights, "b": "-> a"}, further: []string{"b"}, want: map[string]string{"m": "b/m/x.gguf"}},
		"a dead link":                  {files: tree{"models/m/x.gguf": weights, "b": "-> a"}, further: []string{"b"}, want: map[string]string{"m": "models/m/x.gguf"}},
		"one in another":               {files: tree{"models/m/x.gguf": weights, "models/sub/deep/n/x.gguf": weights}, further: []string{"models/sub"}, want: map[string]string{"m": "models/m/x.gguf", "deep/n": "models/sub/deep/n/x.gguf"}},
		"one around another":           {files: tree{"models/m/x.gguf": weights, "n/x.gguf": weights}, further: []string{"."}, want: map[string]string{"m": "models/m/x.gguf", "n": "n/x.gguf"}},
		"one in another, by a link":    {files: tree{"models/m/x.gguf": weights, "models/sub/n/x.gguf": weights, "b": "-> models/sub"}, further: []string{"b"}, want: map[string]string{"m": "models/m/x.gguf", "n": "b/n/x.gguf"}},
		"a link in another":            {files: tree{"models/m/x.gguf": weights, "models/sub": "-> ../a", "a/n/x.gguf": weights}, further: []string{"models/sub"}, want: map[string]string{"m": "models/m/x.gguf", "n": "models/sub/n/x.gguf"}},
		"at home":                      {files: tree{"models/": "", "home/llms/m/x.gguf": weights}, further: []string{"~/llms"}, want: map[string]string{"m": "home/llms/m/x.gguf"}},
		"a model that another links":   {files: tree{"models/m/model.json": source("", "../../a/n/x.gguf"), "a/n/x.gguf": weights}, further: []string{"a"}, want: map[string]string{"m": "models/m/model.json", "n": "a/n/x.gguf"}},
		"what a root hides is no root": {files: tree{"models/m/x.gguf": weights, "a/.cache/n/x.gguf": weights}, further: []string{"a"}, want: map[string]string{"m": "models/m/x.gguf"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := plantRoots(t, c.files)
			t.Setenv("HOME", filepath.Join(dir, "home"))
			s := openRoots(t, dir, c.further...)
			got := map[string]string{}
			for _, m := range s.Models() {
				got[m.ID] = ""
				for _, file := range append([]string{m.File}, m.Files...) {
					if rel, err := filepath.Rel(dir, file); err == nil && got[m.ID] == "" && file != "" && m.Dir != "" {
						got[m.ID] = filepath.ToSlash(rel)
					}
				}
				for _, part := range c.errs[m.ID] {
					if m.Err == nil || m.Ready || !strings.Contains(m.Err.Error(), part) || strings.Contains(m.Err.Error(), dir) {
						t.Errorf("%s: %v, want %s", m.ID, m.Err, part)
					}
				}
				if c.errs[m.ID] != nil && len(m.Files) == 0 {
					got[m.ID] = c.want[m.ID]
				} else if c.errs[m.ID] == nil && m.Err != nil && m.File == "" {
					t.Errorf("%s: %v", m.ID, m.Err)
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNoRoot(t *testing.T) {
	for name, root := range map[string]string{"no path": "", "a whole file system": "/"} {
		t.Run(name, func(t *testing.T) {
			_, err := store.Open(store.Config{Dir: t.TempDir(), Further: []store.Root{{Dir: root}}, Log: hclog.NewNullLogger()})
			if err == nil || !strings.Contains(err.Error(), name[2:]) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestReadOnlyRoot: nothing in a root that is only read is changed, and who wants
// to is told which it is.
func TestReadOnlyRoot(t *testing.T) {
	dir := plantRoots(t, tree{"models/": "", "nas/m/model.json": fetched("x.gguf"), "nas/m/x.gguf": weights, "nas/n/model.json": fetched("x.gguf"), "nas/loose.gguf": weights,
		"nas/.removed/m1": "", "nas/.staging/m1": ""})
	s := openRoots(t, dir, "nas")
	before := left(t, dir)
	for name, try := range map[string]func(id string) error{
		"edit":      func(id string) error { return save(s, model(t, s, id), "saved") },
		"remove":    func(id string) error { return s.Remove(id, false) },
		"purge":     func(id string) error { return s.Remove(id, true) },
		"removable": func(id string) error { return s.Removable(id, true) },
	} {
		for _, id := range []string{"m", "n", "loose"} {
			t.Run(name+" "+id, func(t *testing.T) {
				err := try(id)
				if !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "lies in nas, which is only read") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
	if _, err := model(t, s, "n").Targets(); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "only read") {
		t.Errorf("it may be downloaded: %v", err)
	}
	if targets, err := model(t, s, "m").Targets(); err != nil || !targets[0].Whole {
		t.Errorf("%v, %v", targets, err)
	}
	if after := left(t, dir); !reflect.DeepEqual(before, after) {
		t.Errorf("left %q, want %q", after, before)
	}
	for _, id := range []string{"m", "n", "loose"} {
		if m := model(t, s, id); !m.ReadOnly || m.Ready == (id == "n") {
			t.Errorf("%s: read only %v, ready %v", id, m.ReadOnly, m.Ready)
		}
	}
}

// TestWritableRoot: the models of a further root can be changed and removed, if
// the operator says so. New ones are made in the models folder.
func TestWritableRoot(t *testing.T) {
	dir := plantRoots(t, tree{"models/": "", "nas/m/model.json": fetched("x.gguf"), "nas/m/x.gguf": weights, "nas/a/n/x.gguf": weights, "nas/loose.gguf": weights, "nas/.removed/m1": ""})
	s := openRoots(t, dir, "nas:rw")
	must(t, save(s, model(t, s, "m"), "saved"))
	must(t, save(s, model(t, s, "loose"), "saved"))
	must(t, s.Remove("m", false))
	must(t, s.Remove("a/n", true))
	if err := s.Create("m", sdk.Manifest{Format: "api"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("another took the id: %v", err)
	}
	if _, err := s.Catalogue("m", variants("Q4")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("another took the id: %v", err)
	}
	must(t, s.Create("new", sdk.Manifest{Format: "api"}))
	want := []string{"models/new/model.json", "nas/loose/loose.gguf", "nas/loose/model.json", "nas/m/model.json"}
	if got := left(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	for _, id := range []string{"m", "loose"} {
		if m := model(t, s, id); m.ReadOnly || m.Manifest.Description != "saved" {
			t.Errorf("%s: %q, read only %v", id, m.Manifest.Description, m.ReadOnly)
		}
	}
	must(t, s.Remove("m", true))
	must(t, s.Remove("loose", true))
	if _, err := os.Stat(filepath.Join(dir, "nas")); err != nil {
		t.Errorf("the root went with its last model: %v", err)
	}
}

// TestPurgeSparesRoots: a model's folder that has a root in it is not removed.
func TestPurgeSparesRoots(t *testing.T) {
	for name, root := range map[string]string{"in it": "models/m/sub", "by a link": "link"} {
		t.Run(name, func(t *testing.T) {
			dir := plantRoots(t, tree{"models/m/x.gguf": weights, "models/m/sub/n/x.gguf": weights, "link": "-> models/m/sub"})
			s := openRoots(t, dir, root)
			if err := s.Remove("m", true); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "a folder of models itself") {
				t.Errorf("got %v", err)
			}
			if got := len(left(t, dir)); got != 3 {
				t.Errorf("%d files are left", got)
			}
		})
	}
}

// TestFollowRoots: what changes in a further root is found at once; a root that
// comes, at the next scan.
func TestFollowRoots(t *testing.T) {
	dir := plantRoots(t, tree{"models/m/model.json": `{"engine": "api"}`})
	s := openRoots(t, dir, "nas", "models/sub")
	has := func(want ...string) func() bool {
		return func() bool { return reflect.DeepEqual(ids(s), want) }
	}
	grow(t, dir, tree{"nas/a/x.gguf": weights})
	must(t, s.Scan())
	eventually(t, s, "it came", has("a", "m"))
	grow(t, dir, tree{"nas/author/b/x.gguf": weights})
	eventually(t, s, "another model", has("a", "author/b", "m"))
	grow(t, dir, tree{"nas/a/y.gguf": weights, "models/sub/c/x.gguf": weights})
	eventually(t, s, "another file, and a root in the models folder", has("a/x", "a/y", "author/b", "c", "m"))
	must(t, os.Rename(filepath.Join(dir, "nas"), filepath.Join(dir, "away")))
	eventually(t, s, "it went", has("c", "m"))
	if _, err := os.Stat(filepath.Join(dir, "nas")); err == nil {
		t.Error("a root that went was made")
	}
	must(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "nas")))
	must(t, s.Scan())
	eventually(t, s, "it came back", has("a/x", "a/y", "author/b", "c", "m"))
	must(t, os.RemoveAll(filepath.Join(dir, "nas", "author")))
	eventually(t, s, "it is followed", has("a/x", "a/y", "c", "m"))
}

// TestAdoptInRoots: weights that are dropped into a root that may be written get
// their folder and model file there; elsewhere they stay as they lie, and can be used.
func TestAdoptInRoots(t *testing.T) {
	dir := plantRoots(t, tree{"models/": "", "disk/x.gguf": weights, "disk/y/y.gguf": weights, "nas/x.gguf": weights, "nas/z.gguf": weights, "nas/n/n.gguf": weights,
		"nas/g/model.json": `{"metadata": {"generated": true}, "sources": [{"filename": "a.gguf"}]}`, "nas/g/a.gguf": weights, "nas/g/b.gguf": weights})
	longAgo(t, dir)
	s := openRoots(t, dir, "disk:rw", "nas")
	must(t, s.Adopt(0))
	for range 2 {
		want := []string{"disk/x/model.json", "disk/x/x.gguf", "disk/y/model.json", "disk/y/y.gguf", "nas/g/a.gguf", "nas/g/b.gguf", "nas/g/model.json", "nas/n/n.gguf", "nas/x.gguf", "nas/z.gguf"}
		if got := left(t, dir); !reflect.DeepEqual(got, want) {
			t.Errorf("left %q, want %q", got, want)
		}
		if got, want := ids(s), []string{"g", "n", "x", "x-2", "y", "z"}; !reflect.DeepEqual(got, want) {
			t.Errorf("there are %q, want %q", got, want)
		}
		for _, m := range s.Models() {
			if m.Ready == (m.ID == "x-2") {
				t.Errorf("%s: ready %v, %v", m.ID, m.Ready, m.Err)
			}
		}
		must(t, s.Scan())
	}
}

// TestYieldInRoots: a model file that the store made in a root gives way to a
// person's only while the root may be written.
func TestYieldInRoots(t *testing.T) {
	dir := plantRoots(t, tree{"models/": "", "nas/h/h.gguf": weights})
	longAgo(t, dir)
	for _, c := range []struct {
		what, root string
		add        tree
		want       []string
	}{
		{"made", "nas:rw", nil, []string{"nas/h/h.gguf", "nas/h/model.json"}},
		{"only read", "nas", tree{"nas/h/mine.json": source("h.gguf", "")}, []string{"nas/h/h.gguf", "nas/h/mine.json", "nas/h/model.json"}},
		{"written again", "nas:rw", nil, []string{"nas/h/h.gguf", "nas/h/mine.json"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			grow(t, dir, c.add)
			must(t, openRoots(t, dir, c.root).Adopt(0))
			if got := left(t, dir); !reflect.DeepEqual(got, c.want) {
				t.Errorf("left %q, want %q", got, c.want)
			}
		})
	}
}
