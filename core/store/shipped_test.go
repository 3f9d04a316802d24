package store_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/enginebay/enginebay/core/store"
)

// ship is a product that brings one model.
func ship(text string) fstest.MapFS {
	return fstest.MapFS{"models/m.json": {Data: []byte(text)}, "models/README.md": {Data: []byte("read me")}}
}

// TestInstall: what a first and a second version of the product make of what is
// there, and of what a person does in between.
func TestInstall(t *testing.T) {
	const one = `{"name": "M", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ctx_len": 4096, "ngl": 1}, "metadata": {"size": 1, "tags": ["a"]}}`
	const two = `{"name": "M2", "sources": [{"filename": "y.gguf", "url": "https://models.example/y.gguf"}], "settings": {"ctx_len": 8192, "n_parallel": 2}, "metadata": {"size": 2, "tags": ["b"]}}`
	const twoSame = `{"name": "M2", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ctx_len": 8192}}`
	for name, c := range map[string]struct {
		before  tree // before the first version
		between tree // a person's, after it
		gone    bool // the person removes the model
		second  string
		want    string // the model file at the end; empty where there is none
	}{
		"put there":                  {second: one, want: one},
		"nothing changed":            {second: two, want: two},
		"another context length":     {between: tree{"m/model.json": `{"name": "M", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ctx_len": 777, "ngl": 1}, "metadata": {"size": 1, "tags": ["a"]}}`}, second: two, want: `{"name": "M2", "sources": [{"filename": "y.gguf", "url": "https://models.example/y.gguf"}], "settings": {"ctx_len": 777, "n_parallel": 2}, "metadata": {"size": 2, "tags": ["b"]}}`},
		"an older shape":             {between: tree{"m/model.json": `{"name": "M", "source_url": "https://models.example/x.gguf", "parameters": {"init": {"ctx_len": "777", "ngl": "1"}}, "metadata": {"size": 1, "tags": ["a"]}, "x_mine": 1}`}, second: two, want: `{"name": "M2", "sources": [{"filename": "y.gguf", "url": "https://models.example/y.gguf"}], "settings": {"ctx_len": 777, "n_parallel": 2}, "metadata": {"size": 2, "tags": ["b"]}, "x_mine": 1}`},
		"keys added and removed":     {between: tree{"m/model.json": `{"name": "M", "description": "mine", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ngl": 1}, "metadata": {"size": 1, "tags": ["a", "mine"]}}`}, second: two, want: `{"name": "M2", "description": "mine", "sources": [{"filename": "y.gguf", "url": "https://models.example/y.gguf"}], "settings": {"n_parallel": 2}, "metadata": {"size": 2, "tags": ["a", "mine"]}}`},
		"other sources":              {between: tree{"m/model.json": `{"sources": [{"filename": "z.gguf"}]}`}, second: two, want: `{"sources": [{"filename": "z.gguf"}]}`},
		"sources that were fetched":  {between: tree{"m/model.json": `{"name": "M", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf", "size": 5}], "settings": {"ctx_len": 4096, "ngl": 1}}`}, second: twoSame, want: `{"name": "M2", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf", "size": 5}], "settings": {"ctx_len": 8192}}`},
		"sources of another version": {between: tree{"m/model.json": `{"name": "M", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf", "size": 5}], "settings": {"ctx_len": 4096, "ngl": 1}, "metadata": {"size": 1, "tags": ["a"]}}`}, second: two, want: two},
		"weights here":               {between: tree{"m/x.gguf": weights}, second: two, want: `{"name": "M2", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ctx_len": 8192, "n_parallel": 2}, "metadata": {"size": 1, "tags": ["a"]}}`},
		"weights on their way":       {between: tree{"m/.x.gguf.part": weights}, second: two, want: `{"name": "M2", "sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}], "settings": {"ctx_len": 8192, "n_parallel": 2}, "metadata": {"size": 1, "tags": ["a"]}}`},
		"a fault in it":              {between: tree{"m/model.json": `{"name": `}, second: two, want: `{"name": `},
		"removed":                    {gone: true, second: two},
		"a person's model":           {before: tree{"m/model.json": `{"name": "mine"}`}, second: two, want: `{"name": "mine"}`},
		"a person's weights":         {before: tree{"m/x.gguf": weights}, second: two},
		"a person's loose weights":   {before: tree{"m.gguf": weights}, second: two},
		"a person's link":            {before: tree{"../out/": "", "m": "-> ../out"}, second: two},
		"an empty folder":            {before: tree{"m/": ""}, second: one, want: one},
		"a crash before the record":  {before: tree{"m/model.json": one}, second: two, want: two},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.before)
			s := open(t, models)
			must(t, s.Install(ship(one)))
			if c.gone {
				must(t, s.Remove("m", true))
			}
			grow(t, models, c.between)
			file := filepath.Join(models, "m", "model.json")
			for range 2 { // once more changes nothing
				must(t, s.Install(ship(c.second)))
				text, err := os.ReadFile(file)
				if c.want == "" {
					if err == nil {
						t.Fatalf("there is %s", text)
					}
					continue
				}
				must(t, err)
				if !sameText(string(text), c.want) {
					t.Errorf("got  %s\nwant %s", text, c.want)
				}
			}
			m, err := s.Model("m")
			if c.want == one && (err != nil || m.Ready || m.Err != nil || !reflect.DeepEqual(m.Missing, []string{"x.gguf"})) {
				t.Errorf("not listed as to be downloaded: %+v, %v", m, err)
			}
		})
	}
}

// sameText says whether two texts are the same, or the same JSON.
func sameText(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(x, y)
}

// TestInstallAfterWeightsWent: what stayed as it was because of weights becomes as
// the new version says when they are gone.
func TestInstallAfterWeightsWent(t *testing.T) {
	const one = `{"sources": [{"filename": "x.gguf", "url": "https://models.example/x.gguf"}]}`
	const two = `{"sources": [{"filename": "y.gguf", "url": "https://models.example/y.gguf"}]}`
	models := plant(t, tree{})
	s := open(t, models)
	must(t, s.Install(ship(one)))
	grow(t, models, tree{"m/x.gguf": weights})
	must(t, s.Install(ship(two)))
	must(t, s.Scan())
	if m := model(t, s, "m"); !m.Ready {
		t.Errorf("an update took the weights away: %v", m.Err)
	}
	must(t, s.Remove("m", false))
	must(t, s.Install(ship(two)))
	if m := model(t, s, "m"); !slices.Equal(m.Missing, []string{"y.gguf"}) {
		t.Errorf("missing %q", m.Missing)
	}
}

// TestInstallTells: models that are put there are told of like all others, and a
// fault of one keeps no other away.
func TestInstallTells(t *testing.T) {
	s := plantAndOpen(t, tree{".catalogue/a.json/": ""})
	var all []string
	s.OnChange(func(c store.Change) { all = append(all, c.Added...) })
	files := fstest.MapFS{"models/a.json": {Data: []byte(`{}`)}, "models/b.json": {Data: []byte(`{"format": "api"}`)}}
	if err := s.Install(files); err == nil {
		t.Error("no error for what cannot be remembered")
	}
	if !slices.Equal(all, []string{"b"}) {
		t.Errorf("told of %q", all)
	}
}
