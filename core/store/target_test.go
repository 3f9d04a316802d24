package store_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
)

// TestTargets: where the files of a model belong, and which of them are there.
func TestTargets(t *testing.T) {
	long := strings.Repeat("x", 240) + ".gguf"
	for name, c := range map[string]struct {
		files tree
		want  []string // "PATH URL", and " whole" after what is there; below the folder where PATH is relative
		err   string
	}{
		"to be fetched":             {files: tree{"m/m.json": fetched("x.gguf")}, want: []string{"x.gguf https://models.example/x.gguf"}},
		"here":                      {files: tree{"m/m.json": fetched("x.gguf"), "m/x.gguf": weights}, want: []string{"x.gguf https://models.example/x.gguf whole"}},
		"cut off":                   {files: tree{"m/m.json": sized("x.gguf", 7), "m/x.gguf": weights}, want: []string{"x.gguf " + remote + "x.gguf"}},
		"below":                     {files: tree{"m/m.json": source("q4/x.gguf", remote+"q4/x.gguf"), "m/q4/": ""}, want: []string{"q4/x.gguf " + remote + "q4/x.gguf"}},
		"a projector":               {files: tree{"m/m.json": fetched("x.gguf", "mmproj.gguf"), "m/x.gguf": weights}, want: []string{"x.gguf https://models.example/x.gguf whole", "mmproj.gguf https://models.example/mmproj.gguf"}},
		"all parts":                 {files: tree{"m/m.json": fetched("x-00001-of-00003.gguf?download=true"), "m/x-00002-of-00003.gguf": weights}, want: []string{"x-00001-of-00003.gguf https://models.example/x-00001-of-00003.gguf?download=true", "x-00002-of-00003.gguf https://models.example/x-00002-of-00003.gguf?download=true whole", "x-00003-of-00003.gguf https://models.example/x-00003-of-00003.gguf?download=true"}},
		"a repository":              {files: tree{"m/m.json": source("", "hf://a/b")}, want: []string{" hf://a/b"}},
		"a repository, and weights": {files: tree{"m/m.json": source("", "hf://a/b"), "m/y.gguf": weights}, want: []string{"y.gguf hf://a/b whole"}},
		"spelt in another way":      {files: tree{"m/m.json": source("x-Q4.gguf", remote+"x-Q4.gguf"), "m/x.Q4.gguf": weights}, want: []string{"x.Q4.gguf " + remote + "x-Q4.gguf whole"}},
		"by a setting":              {files: tree{"m/m.json": `{"settings": {"llama_model_path": "../n/x.gguf"}, "sources": [{"url": "` + remote + `y.gguf"}]}`, "n/x.gguf": weights}, want: []string{"../n/x.gguf " + remote + "y.gguf whole"}},
		"linked":                    {files: tree{"m/m.json": source("", "../n/x.gguf"), "n/x.gguf": weights}, want: []string{"../n/x.gguf ../n/x.gguf whole"}},
		"a link to what is there":   {files: tree{"m/m.json": fetched("x.gguf"), "m/x.gguf": "-> ../n/x.gguf", "n/x.gguf": weights}, want: []string{"x.gguf https://models.example/x.gguf whole"}},
		"no sources":                {files: tree{"m/m.json": `{}`, "m/x.gguf": weights}},
		"a remote model":            {files: tree{"m/m.json": `{"format": "api"}`}},
		"a linked folder":           {files: tree{"m": "-> n", "n/m.json": fetched("x.gguf")}, want: []string{"x.gguf https://models.example/x.gguf"}},

		"no address":                {files: tree{"m/m.json": `{"sources": [{"filename": "x.gguf"}, {"url": "` + remote + `y.gguf"}]}`}, err: "no address says where to fetch x.gguf"},
		"linked, and gone":          {files: tree{"m/m.json": source("", "../n/x.gguf")}, err: "no address says where to fetch x.gguf"},
		"a link that leads nowhere": {files: tree{"m/m.json": fetched("x.gguf"), "m/x.gguf": "-> ../../x.gguf"}, err: "x.gguf in its folder is a link"},
		"a link to half of it":      {files: tree{"m/m.json": sized("x.gguf", 7), "m/x.gguf": "-> ../n/x.gguf", "n/x.gguf": weights}, err: "x.gguf in its folder is a link"},
		"through a link":            {files: tree{"m/m.json": source("q4/x.gguf", remote+"q4/x.gguf"), "m/q4": "-> ../../out", "../out/": ""}, err: "q4 in its folder is a link"},
		"a folder of that name":     {files: tree{"m/m.json": fetched("x.gguf"), "m/x.gguf/": ""}, err: "x.gguf in its folder is something else"},
		"a file in the way":         {files: tree{"m/m.json": source("q4/x.gguf", remote+"q4/x.gguf"), "m/q4": ""}, err: "q4 in its folder is something else"},
		"its own model file":        {files: tree{"m/m.json": sized("m.json", 7)}, err: "is the name of a model file"},
		"too long a name":           {files: tree{"m/m.json": fetched(long)}, err: "can be no file"},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			targets, err := model(t, open(t, models), "m").Targets()
			if (err != nil || c.err != "") && (err == nil || !strings.Contains(err.Error(), c.err) || !errors.Is(err, store.ErrConflict)) {
				t.Fatalf("got %v, want %s", err, c.err)
			}
			var got []string
			for _, target := range targets {
				path := target.Path
				if path != "" {
					path, err = filepath.Rel(filepath.Join(models, "m"), path)
					must(t, err)
				}
				line := path + " " + target.Source.URL
				if target.Whole {
					line += " whole"
				}
				got = append(got, line)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
