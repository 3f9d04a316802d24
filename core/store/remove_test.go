package store_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/core/store"
)

// left is what is below a folder: files, and links that it does not follow.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); err == nil && !e.IsDir() {
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	}))
	slices.Sort(files)
	return files
}

// fetched is a model file of weights that can be had again.
func fetched(names ...string) string {
	var sources []string
	for _, name := range names {
		sources = append(sources, `{"url": "https://models.example/`+name+`"}`)
	}
	return `{"sources": [` + strings.Join(sources, ",") + `]}`
}

func TestRemove(t *testing.T) {
	const away = "away/x.gguf" // beside the models folder
	for name, c := range map[string]struct {
		files  tree
		id     string
		purge  bool
		gone   []string // in order
		stays  string   // the state that the model is in after it: "to_download" or "gone"
		refuse string   // or why not
	}{
		"weights to be had again": {files: tree{"m/model.json": fetched("x.gguf"), "m/x.gguf": weights, "m/README.md": ""}, id: "m", gone: []string{"m/x.gguf"}, stays: "to_download"},
		"parts and a projector": {files: tree{"m/model.json": fetched("x-00001-of-00002.gguf", "mmproj.gguf"), "m/x-00001-of-00002.gguf": weights, "m/x-00002-of-00002.gguf": weights, "m/mmproj.gguf": weights},
			id: "m", gone: []string{"m/mmproj.gguf", "m/x-00001-of-00002.gguf", "m/x-00002-of-00002.gguf"}, stays: "to_download"},
		"a projector that nobody names":  {files: tree{"m/model.json": fetched("x.gguf"), "m/x.gguf": weights, "m/mmproj.gguf": weights}, id: "m", gone: []string{"m/x.gguf"}, stays: "to_download"},
		"weights that are broken":        {files: tree{"m/model.json": fetched("x.gguf"), "m/x.gguf": "no weights"}, id: "m", gone: []string{"m/x.gguf"}, stays: "to_download"},
		"weights that are not here":      {files: tree{"m/model.json": fetched("x.gguf")}, id: "m", stays: "to_download"},
		"weights that are not here, too": {files: tree{"m/model.json": fetched("x.gguf"), "m/README.md": ""}, id: "m", purge: true, gone: []string{"m/README.md", "m/model.json"}, stays: "gone"},
		"the only copy":                  {files: tree{"m/model.json": `{}`, "m/x.gguf": weights}, id: "m", refuse: "purge the model (?purge=true)"},
		"the only copy, without a file":  {files: tree{"m/x.gguf": weights}, id: "m", refuse: "purge the model (?purge=true)"},
		"the only copy, loose":           {files: tree{"x.gguf": weights}, id: "x", refuse: "purge the model (?purge=true)"},
		"the only copy, purged":          {files: tree{"a/m/model.json": `{}`, "a/m/x.gguf": weights, "a/m/sub/more": ""}, id: "a/m", purge: true, gone: []string{"a/m/model.json", "a/m/sub/more", "a/m/x.gguf"}, stays: "gone"},
		"loose, purged":                  {files: tree{"x-00001-of-00002.gguf": weights, "x-00002-of-00002.gguf": weights, "y.gguf": weights}, id: "x", purge: true, gone: []string{"x-00001-of-00002.gguf", "x-00002-of-00002.gguf"}, stays: "gone"},
		"one of several, no files":       {files: tree{"m/a.gguf": weights, "m/b.gguf": weights}, id: "m/a", purge: true, gone: []string{"m/a.gguf"}, stays: "gone"},
		"a remote model":                 {files: tree{"m/model.json": `{"format": "api"}`}, id: "m", gone: []string{"m/model.json"}, stays: "gone"},
		"nothing":                        {files: tree{"m/model.json": `{}`}, id: "m", gone: []string{"m/model.json"}, stays: "gone"},
		"a file that cannot be read":     {files: tree{"m/model.json": `{`, "m/x.gguf": weights}, id: "m", refuse: "cannot be told: models/m/model.json:1"},
		"such a file, purged":            {files: tree{"m/model.json": `{`, "m/x.gguf": weights}, id: "m", purge: true, gone: []string{"m/model.json", "m/x.gguf"}, stays: "gone"},
		"nobody":                         {files: tree{}, id: "m", refuse: "does not exist"},

		"half of it here":              {files: tree{"m/model.json": fetched("x.gguf", "y.gguf"), "m/.x.gguf.part": "", "m/.x.gguf.part.json": "", "m/y.gguf": weights, "m/.z.gguf.part": ""}, id: "m", gone: []string{"m/.x.gguf.part", "m/.x.gguf.part.json", "m/y.gguf"}, stays: "to_download"},
		"no more than half of it":      {files: tree{"m/model.json": fetched("x-00001-of-00002.gguf"), "m/.x-00002-of-00002.gguf.part": ""}, id: "m", gone: []string{"m/.x-00002-of-00002.gguf.part"}, stays: "to_download"},
		"half of it below":             {files: tree{"m/model.json": source("sub/x.gguf", remote+"x.gguf"), "m/sub/.x.gguf.part": ""}, id: "m", gone: []string{"m/sub/.x.gguf.part"}, stays: "to_download"},
		"half of it behind a link":     {files: tree{"m/model.json": source("sub/x.gguf", remote+"x.gguf"), "m/sub": "-> ../../out", "../out/.x.gguf.part": ""}, id: "m", stays: "to_download"},
		"half of a variant":            {files: tree{"m/a.json": fetched("a.gguf", "mmproj.gguf"), "m/b.json": fetched("b.gguf", "mmproj.gguf"), "m/.a.gguf.part": "", "m/.b.gguf.part": "", "m/.mmproj.gguf.part": ""}, id: "m/a", gone: []string{"m/.a.gguf.part"}, stays: "to_download"},
		"such a one, purged as well":   {files: tree{"m/a.json": fetched("a.gguf"), "m/b.json": fetched("b.gguf"), "m/.a.gguf.part": "", "m/.a.gguf.part.json": "", "m/.b.gguf.part": ""}, id: "m/a", purge: true, gone: []string{"m/.a.gguf.part", "m/.a.gguf.part.json", "m/a.json"}, stays: "gone"},
		"linked by its path":           {files: tree{"m/model.json": `{"sources": [{"url": "../../` + away + `"}]}`}, id: "m", gone: []string{"m/model.json"}, stays: "gone"},
		"linked by its path, purged":   {files: tree{"m/model.json": `{"sources": [{"url": "../../` + away + `"}]}`}, id: "m", purge: true, gone: []string{"m/model.json"}, stays: "gone"},
		"a link for weights":           {files: tree{"m/x.gguf": "-> ../../" + away}, id: "m", gone: []string{"m/x.gguf"}, stays: "gone"},
		"a link for weights, purged":   {files: tree{"m/x.gguf": "-> ../../" + away}, id: "m", purge: true, gone: []string{"m/x.gguf"}, stays: "gone"},
		"a link for what can be had":   {files: tree{"m/model.json": fetched("x.gguf"), "m/x.gguf": "-> ../../" + away}, id: "m", gone: []string{"m/x.gguf"}, stays: "to_download"},
		"a loose link":                 {files: tree{"x.gguf": "-> ../" + away}, id: "x", gone: []string{"x.gguf"}, stays: "gone"},
		"a linked folder":              {files: tree{"m": "-> ../away"}, id: "m", gone: []string{"m"}, stays: "gone"},
		"a linked folder, purged":      {files: tree{"m": "-> ../away"}, id: "m", purge: true, gone: []string{"m"}, stays: "gone"},
		"a linked folder of folders":   {files: tree{"author": "-> ../authors"}, id: "author/one", purge: true, refuse: "lies behind the link models/author, and so does 'author/two'"},
		"a linked folder in a folder":  {files: tree{"m/model.json": `{"sources": [{"filename": "sub/x.gguf"}]}`, "m/sub": "-> ../../away"}, id: "m", gone: []string{"m/model.json"}, stays: "gone"},
		"such a one, purged":           {files: tree{"m/model.json": `{"sources": [{"filename": "sub/x.gguf"}]}`, "m/sub": "-> ../../away"}, id: "m", purge: true, gone: []string{"m/model.json", "m/sub"}, stays: "gone"},
		"a link to another model":      {files: tree{"m": "-> n", "n/x.gguf": weights}, id: "m", purge: true, gone: []string{"m"}, stays: "gone"},
		"the model that is linked":     {files: tree{"m": "-> n", "n/x.gguf": weights}, id: "n", purge: true, refuse: "The model 'm' uses the weights of 'n'"},
		"weights that another names":   {files: tree{"m/model.json": `{"sources": [{"url": "../n/x.gguf"}]}`, "n/model.json": fetched("x.gguf"), "n/x.gguf": weights}, id: "n", refuse: "The model 'm' uses the weights of 'n'"},
		"weights that another links":   {files: tree{"m/y.gguf": "-> ../n/x.gguf", "n/model.json": fetched("x.gguf"), "n/x.gguf": weights}, id: "n", refuse: "The model 'm' uses the weights of 'n'"},
		"who links another's":          {files: tree{"m/y.gguf": "-> ../n/x.gguf", "n/x.gguf": weights}, id: "m", gone: []string{"m/y.gguf"}, stays: "gone"},
		"a variant of its own weights": {files: tree{"m/a.json": fetched("a.gguf"), "m/b.json": fetched("b.gguf"), "m/a.gguf": weights, "m/b.gguf": weights}, id: "m/a", gone: []string{"m/a.gguf"}, stays: "to_download"},
		"such a one, to be purged":     {files: tree{"m/a.json": fetched("a.gguf"), "m/b.json": fetched("b.gguf"), "m/a.gguf": weights, "m/b.gguf": weights}, id: "m/a", purge: true, gone: []string{"m/a.gguf", "m/a.json"}, stays: "gone"},
		"a variant of shared weights":  {files: tree{"m/a.json": fetched("x.gguf"), "m/b.json": fetched("x.gguf"), "m/x.gguf": weights}, id: "m/a", gone: []string{"m/a.json"}, stays: "gone"},
		"such a one, purged, too":      {files: tree{"m/a.json": `{}`, "m/b.json": `{}`, "m/x.gguf": weights, "m/mmproj.gguf": weights}, id: "m/a", purge: true, gone: []string{"m/a.json"}, stays: "gone"},
		"a variant alone with weights": {files: tree{"m/a.json": `{}`, "m/b.json": fetched("b.gguf"), "m/a.gguf": weights}, id: "m/a", refuse: "purge the model (?purge=true)"},
		"a namesake":                   {files: tree{"a b/model.json": `{}`, "a-b/model.json": `{}`}, id: "a-b-2", purge: true, gone: []string{"a b/model.json"}, stays: "gone"},
		"a loose namesake":             {files: tree{"x/model.json": `{}`, "x.gguf": weights}, id: "x-2", purge: true, refuse: "Nothing on disk is the model 'x-2' alone"},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			grow(t, filepath.Dir(models), tree{away: weights, "authors/one/x.gguf": weights, "authors/two/x.gguf": weights})
			s := open(t, models)
			before := left(t, filepath.Dir(models))
			for _, check := range []func(string, bool) error{s.Removable, s.Remove} {
				err := check(c.id, c.purge)
				if c.refuse == "" {
					must(t, err)
				} else if err == nil || !strings.Contains(err.Error(), c.refuse) || name != "nobody" && !errors.Is(err, store.ErrConflict) {
					t.Fatalf("got %v, want %s", err, c.refuse)
				}
			}
			want := slices.DeleteFunc(before, func(file string) bool {
				return slices.Contains(c.gone, strings.TrimPrefix(file, "models/"))
			})
			if got := left(t, filepath.Dir(models)); !slices.Equal(got, want) {
				t.Errorf("left: %q\nwant: %q", got, want)
			}
			for _, when := range []string{"at once", "read anew"} {
				m, err := s.Model(c.id)
				switch {
				case c.stays == "gone" && err == nil && m.ID == c.id:
					t.Errorf("%s: still there: %v", when, m.Err)
				case c.stays == "to_download" && err != nil:
					t.Errorf("%s: %v", when, err)
				case c.stays == "to_download" && (m.Ready || m.Err != nil):
					t.Errorf("%s: ready %v, %v", when, m.Ready, m.Err)
				}
				must(t, s.Scan())
			}
		})
	}
}

// TestRemoveTidies: a folder of which nothing is left goes, and those above it.
func TestRemoveTidies(t *testing.T) {
	for _, purge := range []bool{false, true} {
		models := plant(t, tree{"author/group/m/model.json": `{"format": "api"}`})
		must(t, open(t, models).Remove("author/group/m", purge))
		entries, err := os.ReadDir(models)
		must(t, err)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				t.Errorf("purge %v: %s is left", purge, e.Name())
			}
		}
		if trash, _ := os.ReadDir(filepath.Join(models, ".removed")); len(trash) > 0 {
			t.Errorf("purge %v: %v is left", purge, trash)
		}
	}
}

// TestRemoveAtOnce: of many that remove, edit and look, none meets half a model,
// and nothing outside is touched.
func TestRemoveAtOnce(t *testing.T) {
	files := tree{}
	for _, id := range []string{"a", "b", "c", "d"} {
		maps.Copy(files, tree{id + "/model.json": fetched("x.gguf"), id + "/x.gguf": weights})
	}
	s := plantAndOpen(t, files)
	var all sync.WaitGroup
	for id := range map[string]bool{"a": true, "b": true, "c": true, "d": true} {
		all.Go(func() { must(t, s.Remove(id, false)) })
		all.Go(func() { must(t, save(s, &store.Model{ID: id}, "saved")) })
		all.Go(func() { must(t, s.Scan()) })
	}
	all.Wait()
	for _, m := range s.Models() {
		if m.Ready || m.Err != nil || m.Manifest.Description != "saved" {
			t.Errorf("%s: ready %v, %q, %v", m.ID, m.Ready, m.Manifest.Description, m.Err)
		}
	}
}

// TestCrashWhileRemoving: each step leaves a model that is not ready, says what is
// missing and can be removed again; what waits for its end is gone after the next start.
func TestCrashWhileRemoving(t *testing.T) {
	models := plant(t, tree{"m/model.json": fetched("x-00001-of-00002.gguf"), "m/x-00002-of-00002.gguf": weights, ".removed/m1/model/x.gguf": weights})
	s := open(t, models)
	if _, err := os.Lstat(filepath.Join(models, ".removed")); err == nil {
		t.Error("what was removed is still there")
	}
	if m := model(t, s, "m"); m.Ready || m.Err != nil || !slices.Equal(m.Missing, []string{"x-00001-of-00002.gguf"}) {
		t.Errorf("half a model: ready %v, missing %q, %v", m.Ready, m.Missing, m.Err)
	}
	must(t, s.Remove("m", false))
	if m := model(t, s, "m"); m.Err != nil || len(m.Files) > 0 {
		t.Errorf("%v, %q", m.Err, m.Files)
	}
}
