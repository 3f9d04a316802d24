package store_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

const remote = "https://huggingface.co/a/b/resolve/main/"

// source is a model file that names one source.
func source(filename, url string) string {
	text, _ := json.Marshal(sdk.Manifest{Sources: []sdk.Source{{Filename: filename, URL: url}}})
	return string(text)
}

// sized is a model file whose source says how large its file is.
func sized(filename string, size int) string {
	text, _ := json.Marshal(sdk.Manifest{Sources: []sdk.Source{{Filename: filename, URL: remote + filename, Size: int64(size)}}})
	return string(text)
}

// TestWeights: what a model is given of what lies in its folder. Of a case
// without "ready" the model is not, and err is part of what it says; an empty
// one says nothing.
func TestWeights(t *testing.T) {
	split := tree{"m/x-00001-of-00003.gguf": weights, "m/x-00002-of-00003.gguf": weights, "m/x-00003-of-00003.gguf": weights}
	for name, c := range map[string]struct {
		files   tree
		id      string // "m" where it is empty
		ready   bool
		weights []string
		missing []string
		mmproj  string
		linked  bool
		err     string
	}{
		"{} beside one":                 {files: tree{"m/m.json": `{}`, "m/x.gguf": weights}, ready: true, weights: []string{"x.gguf"}},
		"an empty file beside one":      {files: tree{"m/m.json": ``, "m/x.gguf": weights}, ready: true, weights: []string{"x.gguf"}},
		"an upper case extension":       {files: tree{"m/X.GGUF": weights}, ready: true, weights: []string{"X.GGUF"}},
		"{} and nothing":                {files: tree{"m/m.json": `{}`}, err: "no weights here"},
		"to be fetched":                 {files: tree{"m/m.json": source("", remote+"x.gguf")}, missing: []string{"x.gguf"}},
		"to be fetched, but here":       {files: tree{"m/m.json": source("", remote+"x.gguf?download=true"), "m/x.gguf": weights, "m/y.gguf": weights}, ready: true, weights: []string{"x.gguf"}},
		"a repository":                  {files: tree{"m/m.json": source("", "https://huggingface.co/a/b")}},
		"spelt in another way":          {files: tree{"m/m.json": source("x-Q4.gguf", remote+"x-Q4.gguf"), "m/x.Q4.gguf": weights}, ready: true, weights: []string{"x.Q4.gguf"}},
		"named, not there, among two":   {files: tree{"m/m.json": source("x.gguf", remote+"x.gguf"), "m/y.gguf": weights, "m/z.gguf": weights}, missing: []string{"x.gguf"}},
		"named, not to be had":          {files: tree{"m/m.json": source("x.gguf", "")}, missing: []string{"x.gguf"}, err: "x.gguf is not there"},
		"several, none named":           {files: tree{"m/m.json": `{}`, "m/x.gguf": weights, "m/y.gguf": weights}, err: `"sources": [{"filename": "x.gguf"}]`},
		"another model's weights":       {files: tree{"m/a.json": `{}`, "m/a.gguf": weights, "m/b.json": source("b.gguf", remote+"b.gguf")}, id: "m/b", missing: []string{"b.gguf"}},
		"several files for one":         {files: tree{"m/short.json": `{}`, "m/long.json": `{}`, "m/x.gguf": weights}, id: "m/long", ready: true, weights: []string{"x.gguf"}},
		"by its own name":               {files: tree{"m/x.json": `{}`, "m/y.json": `{}`, "m/X.gguf": weights, "m/y.gguf": weights}, id: "m/x", ready: true, weights: []string{"X.gguf"}},
		"by its quantization":           {files: tree{"m/z-q4-k-m.json": `{}`, "m/z-q8-0.json": `{}`, "m/z.Q4_K_M.gguf": weights, "m/z.Q8_0.gguf": weights}, id: "m/z-q8-0", ready: true, weights: []string{"z.Q8_0.gguf"}},
		"its quantization is not there": {files: tree{"m/z-q4-k-m.json": `{}`, "m/z-q8-0.json": `{}`, "m/z.Q4_K_M.gguf": weights}, id: "m/z-q8-0", err: "no weights here"},
		"split":                         {files: split, ready: true, weights: []string{"x-00001-of-00003.gguf", "x-00002-of-00003.gguf", "x-00003-of-00003.gguf"}},
		"a part is missing":             {files: tree{"m/x-00001-of-00003.gguf": weights, "m/x-00003-of-00003.gguf": weights}, weights: []string{"x-00001-of-00003.gguf", "x-00003-of-00003.gguf"}, missing: []string{"x-00002-of-00003.gguf"}, err: "of 3 files these are missing: x-00002-of-00003.gguf"},
		"the first part is missing":     {files: tree{"m/m.json": `{}`, "m/x-00002-of-00002.gguf": weights}, weights: []string{"x-00002-of-00002.gguf"}, missing: []string{"x-00001-of-00002.gguf"}, err: "x-00001-of-00002.gguf"},
		"half a file":                   {files: tree{"m/m.json": source("x.gguf", remote+"x.gguf"), "m/x.gguf.part": weights, "m/x.gguf.download": weights, "m/x.gguf.incomplete": weights}, missing: []string{"x.gguf"}},
		"an empty file of weights":      {files: tree{"m/x.gguf": ""}, weights: []string{"x.gguf"}, err: "x.gguf: gguf:"},
		"no GGUF":                       {files: tree{"m/x.gguf": "<html>Not found</html>"}, weights: []string{"x.gguf"}, err: "not a GGUF file"},
		"a projector beside it":         {files: tree{"m/m.json": `{}`, "m/a-mmproj-f16.gguf": weights, "m/x.gguf": weights}, ready: true, weights: []string{"x.gguf"}, mmproj: "a-mmproj-f16.gguf"},
		"a projector, no model file":    {files: tree{"m/mmproj-f16.gguf": weights, "m/x.gguf": weights, "m/y.gguf": weights}, id: "m/x", ready: true, weights: []string{"x.gguf"}, mmproj: "mmproj-f16.gguf"},
		"a projector to be fetched":     {files: tree{"m/m.json": `{"sources": [{"filename": "x.gguf"}, {"filename": "mmproj.gguf", "url": "` + remote + `mmproj.gguf"}]}`, "m/x.gguf": weights}, weights: []string{"x.gguf"}, missing: []string{"mmproj.gguf"}},
		"a projector not to be had":     {files: tree{"m/m.json": `{"sources": [{"filename": "x.gguf", "url": "` + remote + `x.gguf"}, {"filename": "mmproj.gguf"}]}`, "m/x.gguf": weights}, weights: []string{"x.gguf"}, missing: []string{"mmproj.gguf"}, err: "of 2 files these are missing: mmproj.gguf"},
		"parts to be fetched":           {files: tree{"m/m.json": source("", remote+"x-00001-of-00003.gguf"), "m/x-00002-of-00003.gguf": weights}, weights: []string{"x-00002-of-00003.gguf"}, missing: []string{"x-00001-of-00003.gguf", "x-00003-of-00003.gguf"}},
		"the first part is here":        {files: tree{"m/m.json": source("", remote+"x-00001-of-00002.gguf"), "m/x-00001-of-00002.gguf": weights}, weights: []string{"x-00001-of-00002.gguf"}, missing: []string{"x-00002-of-00002.gguf"}},
		"a part not to be had":          {files: tree{"m/m.json": `{"sources": [{"filename": "x-00001-of-00003.gguf"}, {"url": "` + remote + `x-00002-of-00003.gguf"}, {"filename": "x-00003-of-00003.gguf"}]}`, "m/x-00001-of-00003.gguf": weights}, weights: []string{"x-00001-of-00003.gguf"}, missing: []string{"x-00002-of-00003.gguf", "x-00003-of-00003.gguf"}, err: "of 3 files these are missing: x-00002-of-00003.gguf, x-00003-of-00003.gguf"},
		"an importer's":                 {files: tree{"m/m.json": source("x.gguf", "hf://a/b:x.gguf")}, missing: []string{"x.gguf"}},
		"an importer's repository":      {files: tree{"m/m.json": source("", "hf://a/b")}},
		"a repository, older":           {files: tree{"m/m.json": `{"source_url": "https://huggingface.co/TheBloke/X-GGUF"}`}},
		"a repository, and weights":     {files: tree{"m/m.json": source("", "https://huggingface.co/a/b"), "m/x.gguf": weights}, ready: true, weights: []string{"x.gguf"}},
		"a partial":                     {files: tree{"m/m.json": source("x.gguf", remote+"x.gguf"), "m/.x.gguf.part": weights, "m/.x.gguf.part.json": `{}`}, missing: []string{"x.gguf"}},
		"of its size":                   {files: tree{"m/m.json": sized("x.gguf", len(weights)), "m/x.gguf": weights}, ready: true, weights: []string{"x.gguf"}},
		"cut off":                       {files: tree{"m/m.json": sized("x.gguf", 1e9), "m/x.gguf": weights}, weights: []string{"x.gguf"}, missing: []string{"x.gguf"}, err: "x.gguf has 141 bytes, and its source says 1000000000"},
		"another file, of another size": {files: tree{"m/m.json": sized("x.gguf", 1e9), "m/y.gguf": weights}, missing: []string{"x.gguf"}},
		"a projector cut off":           {files: tree{"m/m.json": `{"sources": [{"url": "` + remote + `x.gguf"}, {"url": "` + remote + `mmproj.gguf", "size": 7}]}`, "m/x.gguf": weights, "m/mmproj.gguf": weights}, weights: []string{"x.gguf"}, missing: []string{"mmproj.gguf"}, mmproj: "mmproj.gguf", err: "mmproj.gguf has 141 bytes, and its source says 7"},
		"nothing but a projector":       {files: tree{"m/m.json": `{}`, "m/mmproj.gguf": weights}, mmproj: "mmproj.gguf", err: "no weights here"},
		"a projector by its header":     {files: tree{"m/x.gguf": ggufFile("clip")}, weights: []string{"x.gguf"}, err: "projector"},
		"a remote model":                {files: tree{"m/m.json": `{"engine": "openai"}`}, ready: true},
		"a folder of that name":         {files: tree{"m/m.json": `{}`, "m/x.gguf/": ""}, err: "no weights here"},
		"a linked file":                 {files: tree{"m/x.gguf": "-> ../../out/there.gguf"}, ready: true, weights: []string{"x.gguf"}},
		"a dead link":                   {files: tree{"m/x.gguf": "-> ../../out/gone.gguf"}, missing: []string{"x.gguf"}, err: "x.gguf is not there"},
		"a linked folder":               {files: tree{"m": "-> ../out/folder"}, ready: true, weights: []string{"in.gguf"}},
		"a linked folder below":         {files: tree{"author/m": "-> ../../out/folder"}, id: "author/m", ready: true, weights: []string{"in.gguf"}},
		"linked loose weights":          {files: tree{"m.gguf": "-> ../out/there.gguf"}, ready: true, weights: []string{"m.gguf"}},
		"a source outside":              {files: tree{"m/m.json": source("", "../../out/there.gguf")}, ready: true, weights: []string{"there.gguf"}, linked: true},
		"a source at home":              {files: tree{"m/m.json": source("", "~/there.gguf")}, ready: true, weights: []string{"there.gguf"}, linked: true},
		"a source below":                {files: tree{"m/m.json": source("sub/x.gguf", ""), "m/sub/x.gguf": weights}, ready: true, weights: []string{"x.gguf"}},
		"a source outside, gone":        {files: tree{"m/m.json": source("", "../../out/gone.gguf")}, missing: []string{"gone.gguf"}, err: "gone.gguf is not there"},
		"a filename that leads out":     {files: tree{"m/m.json": source("../../out/there.gguf", "")}, err: "expected a path inside the folder"},
		"safetensors":                   {files: tree{"m/config.json": `{}`, "m/model-00001-of-00002.safetensors": "1", "m/model-00002-of-00002.safetensors": "2"}, ready: true, weights: []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			home := filepath.Join(filepath.Dir(models), "out")
			grow(t, home, tree{"there.gguf": weights, "folder/in.gguf": weights})
			t.Setenv("HOME", home)
			if c.id == "" {
				c.id = "m"
			}
			m := model(t, open(t, models), c.id)
			if m.Ready != c.ready || m.Linked != c.linked {
				t.Errorf("ready %v, linked %v: %v", m.Ready, m.Linked, m.Err)
			}
			if got := names(m.Files); len(got)+len(c.weights) > 0 && !reflect.DeepEqual(got, c.weights) {
				t.Errorf("weights %q, want %q", got, c.weights)
			}
			if len(m.Missing)+len(c.missing) > 0 && !reflect.DeepEqual(m.Missing, c.missing) {
				t.Errorf("missing %q, want %q", m.Missing, c.missing)
			}
			if c.mmproj != strings.TrimPrefix(m.MMProj, filepath.Join(models, "m")+string(filepath.Separator)) {
				t.Errorf("projector %s, want %s", m.MMProj, c.mmproj)
			}
			checkErr(t, m, models, c.err)
		})
	}
}

// checkErr wants that a model says so much, and nothing of where it lies on this machine.
func checkErr(t *testing.T, m *store.Model, models, want string) {
	t.Helper()
	switch {
	case want == "" && m.Err != nil:
		t.Errorf("%s says %v", m.ID, m.Err)
	case want != "" && m.Err == nil:
		t.Errorf("%s says nothing, want %s", m.ID, want)
	case want != "" && !strings.Contains(m.Err.Error(), want):
		t.Errorf("%s says %v, want %s", m.ID, m.Err, want)
	case m.Err != nil && strings.Contains(m.Err.Error(), filepath.Dir(models)):
		t.Errorf("%s tells where it lies: %v", m.ID, m.Err)
	}
}

// TestAbsoluteSources: a source names a file anywhere on the machine.
func TestAbsoluteSources(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "x.gguf")
	must(t, os.WriteFile(outside, []byte(weights), 0o600))
	for name, file := range map[string]string{
		"url":              source("", outside),
		"file url":         source("", "file://"+outside),
		"source_url":       `{"source_url": "` + outside + `"}`,
		"llama_model_path": `{"settings": {"llama_model_path": "` + outside + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, tree{"m/model.json": file})
			s := open(t, models)
			if m := model(t, s, "m"); !m.Ready || !m.Linked || !reflect.DeepEqual(m.Files, []string{outside}) {
				t.Errorf("ready %v, linked %v, %q: %v", m.Ready, m.Linked, m.Files, m.Err)
			}
			must(t, os.Rename(outside, outside+".away"))
			defer func() { must(t, os.Rename(outside+".away", outside)) }()
			must(t, s.Scan())
			m := model(t, s, "m")
			if m.Ready || !reflect.DeepEqual(m.Missing, []string{"x.gguf"}) {
				t.Errorf("ready %v, missing %q", m.Ready, m.Missing)
			}
			checkErr(t, m, outside, "x.gguf is not there")
		})
	}
}
