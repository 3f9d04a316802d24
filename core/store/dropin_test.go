package store_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// tinyGuide is a whole model, of 883 kB.
func tinyGuide(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("../../examples/models/tiny-guide/tiny-guide.gguf")
	must(t, err)
	return string(data)
}

// adopting opens a store that takes in what nobody wrote to since 2023.
func adopting(t testing.TB, models string) *store.Store {
	t.Helper()
	longAgo(t, models)
	s := open(t, models)
	must(t, s.Adopt(time.Hour))
	return s
}

// packed is a zip archive of files.
func packed(t testing.TB, files tree) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f, err := w.Create(name)
		must(t, err)
		_, err = f.Write([]byte(content))
		must(t, err)
	}
	must(t, w.Close())
	return b.String()
}

// TestAdopt: what lies in the models folder when the server starts, and what comes
// of it: files, and models with what each of them says. Of a crash between any two
// steps comes the same.
func TestAdopt(t *testing.T) {
	whole := tinyGuide(t)
	half := whole[:len(whole)/2]
	const ready = ""
	for name, c := range map[string]struct {
		files  tree
		left   []string // nil where they are as they were
		models map[string]string
	}{
		"loose":                      {tree{"x.gguf": whole}, []string{"x/model.json", "x/x.gguf"}, map[string]string{"x": ready}},
		"loose, odd letters":         {tree{"my model.GGUF": whole}, []string{"my model/model.json", "my model/my model.GGUF"}, map[string]string{"my-model": ready}},
		"loose, half":                {tree{"x.gguf": half}, nil, map[string]string{"x": "441.6 kB of 883.2 kB of x.gguf are here; it becomes a model when it is whole"}},
		"loose, half a header":       {tree{"x.gguf": whole[:1000]}, nil, map[string]string{"x": "x.gguf: gguf: "}},
		"loose, empty":               {tree{"x.gguf": ""}, nil, map[string]string{"x": "x.gguf: gguf: "}},
		"loose, no GGUF":             {tree{"x.gguf": "<html>"}, nil, map[string]string{"x": "not a GGUF file"}},
		"loose, still fetched":       {tree{"x.gguf": whole, "x.gguf.aria2": ""}, nil, map[string]string{"x": "x.gguf.aria2 lies beside it, a download that is not over"}},
		"loose, no longer fetched":   {tree{"x.gguf": whole, "y.gguf.part": ""}, []string{"x/model.json", "x/x.gguf", "y.gguf.part"}, map[string]string{"x": ready}},
		"two":                        {tree{"x.gguf": whole, "y.gguf": half}, []string{"x/model.json", "x/x.gguf", "y.gguf"}, map[string]string{"x": ready, "y": "becomes a model"}},
		"its name is taken":          {tree{"x.gguf": whole, "x/model.json": `{}`, "x/x.gguf": weights}, []string{"x-2/model.json", "x-2/x.gguf", "x/model.json", "x/x.gguf"}, map[string]string{"x": ready, "x-2": ready}},
		"its name is taken, twice":   {tree{"x.gguf": whole, "x/x.gguf": whole, "x-2/model.json": `{"format":"api"}`}, []string{"x-2/model.json", "x-3/model.json", "x-3/x.gguf", "x/model.json", "x/x.gguf"}, map[string]string{"x": ready, "x-2": ready, "x-3": ready}},
		"its id is taken":            {tree{"a b.gguf": whole, "a-b/model.json": `{"format":"api"}`}, []string{"a b-2/a b.gguf", "a b-2/model.json", "a-b/model.json"}, map[string]string{"a-b": ready, "a-b-2": ready}},
		"a file has its name":        {tree{"x.gguf": whole, "x": ""}, []string{"x", "x-2/model.json", "x-2/x.gguf"}, map[string]string{"x-2": ready}},
		"split":                      {tree{"x-00001-of-00002.gguf": whole, "x-00002-of-00002.gguf": whole}, []string{"x/model.json", "x/x-00001-of-00002.gguf", "x/x-00002-of-00002.gguf"}, map[string]string{"x": ready}},
		"split, a part missing":      {tree{"x-00002-of-00002.gguf": whole}, nil, map[string]string{"x": "of 2 files these are missing: x-00001-of-00002.gguf"}},
		"split, a part half":         {tree{"x-00001-of-00002.gguf": whole, "x-00002-of-00002.gguf": half}, nil, map[string]string{"x": "441.6 kB of 883.2 kB of x-00002-of-00002.gguf are here"}},
		"split, moved by half":       {tree{"x/x-00001-of-00002.gguf": whole, "x-00002-of-00002.gguf": whole}, []string{"x/model.json", "x/x-00001-of-00002.gguf", "x/x-00002-of-00002.gguf"}, map[string]string{"x": ready}},
		"split, a part of a model":   {tree{"x-00001-of-00002.gguf": whole, "x/model.json": `{"sources":[{"filename":"x-00001-of-00002.gguf"},{"filename":"x-00002-of-00002.gguf"}]}`, "x/x-00001-of-00002.gguf": whole, "x/x-00002-of-00002.gguf": whole}, nil, map[string]string{"x": ready, "x-2": "would have the id 'x'"}},
		"split, beside a model":      {tree{"x-00001-of-00002.gguf": whole, "x-00002-of-00002.gguf": whole, "x/model.json": `{"sources":[{"filename":"x-00001-of-00002.gguf"},{"filename":"x-00002-of-00002.gguf"}]}`, "x/x-00001-of-00002.gguf": whole, "x/x-00002-of-00002.gguf": whole}, []string{"x-2/model.json", "x-2/x-00001-of-00002.gguf", "x-2/x-00002-of-00002.gguf", "x/model.json", "x/x-00001-of-00002.gguf", "x/x-00002-of-00002.gguf"}, map[string]string{"x": ready, "x-2": ready}},
		"a folder made, not moved":   {tree{"x/": "", "x.gguf": whole}, []string{"x/model.json", "x/x.gguf"}, map[string]string{"x": ready}},
		"a folder":                   {tree{"m/x.gguf": whole}, []string{"m/model.json", "m/x.gguf"}, map[string]string{"m": ready}},
		"a folder, half":             {tree{"m/x.gguf": half}, nil, map[string]string{"m": "441.6 kB of 883.2 kB"}},
		"a folder, still fetched":    {tree{"m/x.gguf": whole, "m/x.part": ""}, nil, map[string]string{"m": "x.part lies beside it"}},
		"a publisher's folder":       {tree{"m/x.gguf": whole, "m/config.json": `{}`, "m/README.md": ""}, []string{"m/README.md", "m/config.json", "m/model.json", "m/x.gguf"}, map[string]string{"m": ready}},
		"author/model":               {tree{"a/m/x.gguf": whole, "a/n/y.gguf": whole}, []string{"a/m/model.json", "a/m/x.gguf", "a/n/model.json", "a/n/y.gguf"}, map[string]string{"a/m": ready, "a/n": ready}},
		"several in a folder":        {tree{"m/x.gguf": whole, "m/y.gguf": whole}, []string{"m/x.gguf", "m/x.json", "m/y.gguf", "m/y.json"}, map[string]string{"m/x": ready, "m/y": ready}},
		"several, one half":          {tree{"m/x.gguf": whole, "m/y.gguf": half}, nil, map[string]string{"m/x": ready, "m/y": "becomes a model"}},
		"a file of no other name":    {tree{"m/config.gguf": whole, "m/y.gguf": whole}, []string{"m/config.gguf", "m/y.gguf", "m/y.json"}, nil},
		"a folder with its file":     {tree{"m/x.gguf": whole, "m/model.json": `{}`}, nil, map[string]string{"m": ready}},
		"a folder with model.yml":    {tree{"m/x.gguf": whole, "m/model.yml": `name: x`}, nil, map[string]string{"m": ready}},
		"with a projector":           {tree{"m/x.gguf": whole, "m/mmproj.gguf": whole}, []string{"m/mmproj.gguf", "m/model.json", "m/x.gguf"}, map[string]string{"m": ready}},
		"with half a projector":      {tree{"m/x.gguf": whole, "m/mmproj.gguf": half}, nil, map[string]string{"m": "of mmproj.gguf are here"}},
		"a projector of its name":    {tree{"x-4b-Q8_0.gguf": whole, "mmproj-x-4b-f16.gguf": whole}, []string{"x-4b-Q8_0/mmproj-x-4b-f16.gguf", "x-4b-Q8_0/model.json", "x-4b-Q8_0/x-4b-Q8_0.gguf"}, map[string]string{"x-4b-Q8_0": ready}},
		"a projector of another":     {tree{"x.gguf": whole, "mmproj-y-f16.gguf": whole}, []string{"mmproj-y-f16.gguf", "x/model.json", "x/x.gguf"}, map[string]string{"x": ready, "mmproj-y-f16": "move it into the model's folder"}},
		"a projector by its header":  {tree{"x.gguf": ggufFile("clip")}, nil, map[string]string{"x": "projector"}},
		"a projector alone":          {tree{"m/mmproj.gguf": whole}, nil, map[string]string{"m": "mmproj.gguf is the projector of a vision model"}},
		"a packed model":             {tree{"x.zip": packed(t, tree{"x/model.json": `{}`})}, nil, map[string]string{"x": `"enginebay import" unpacks it`}},
		"a packed model, unpacked":   {tree{"x.zip": packed(t, tree{"x/model.json": `{}`}), "x/model.json": `{"format":"api"}`}, nil, map[string]string{"x": ready}},
		"another archive":            {tree{"x.zip": packed(t, tree{"x/photo.jpg": ""}), "y.zip": "PK"}, nil, map[string]string{}},
		"what is nothing":            {tree{"notes.txt": "", "x.gguf.part": half, ".x.gguf": whole}, nil, map[string]string{}},
		"safetensors":                {tree{"m/config.json": `{}`, "m/model.safetensors": "1"}, nil, map[string]string{"m": ready}},
		"a link":                     {tree{"x.gguf": "-> ../out/x.gguf"}, nil, map[string]string{"x": ready}},
		"a linked folder":            {tree{"m": "-> ../out"}, nil, map[string]string{"m": ready}},
		"links in a folder":          {tree{"m/x.gguf": "-> ../../out/x.gguf"}, nil, map[string]string{"m": ready}},
		"more in such a folder":      {tree{"m/x.gguf": whole, "m/model.json": `{"metadata":{"generated":true},"sources":[{"filename":"x.gguf"}]}`, "m/y.gguf": whole, "m/z.gguf": half}, []string{"m/model.json", "m/x.gguf", "m/y.gguf", "m/y.json", "m/z.gguf"}, map[string]string{"m": ready, "m/y": ready, "m/z": "becomes a model"}},
		"a crash between two files":  {tree{"m/x.gguf": whole, "m/x.json": `{"metadata":{"generated":true},"sources":[{"filename":"x.gguf"}]}`, "m/y.gguf": whole}, []string{"m/x.gguf", "m/x.json", "m/y.gguf", "m/y.json"}, map[string]string{"m/x": ready, "m/y": ready}},
		"other weights in its place": {tree{"m/y.gguf": whole, "m/model.json": `{"metadata":{"generated":true},"sources":[{"filename":"x.gguf"}]}`}, nil, map[string]string{"m": ready}},
		"more in a person's folder":  {tree{"m/x.gguf": whole, "m/model.json": `{"sources":[{"filename":"x.gguf"}]}`, "m/y.gguf": whole}, nil, map[string]string{"m": ready}},
		"renamed parts":              {tree{"x.gguf": ggufCounts("llama", "split.count", 3)}, nil, map[string]string{"x": "x.gguf is part 1 of 3, and its name does not say so"}},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			grow(t, filepath.Join(filepath.Dir(models), "out"), tree{"x.gguf": whole})
			before := left(t, models)
			s := adopting(t, models)
			for range 2 { // as it is at once, and as it is read anew
				if c.left == nil {
					c.left = before
				}
				if got := left(t, models); !slices.Equal(got, c.left) {
					t.Errorf("left %q\nwant %q", got, c.left)
				}
				if c.models == nil {
					return
				}
				if got := ids(s); !slices.Equal(got, slices.Sorted(maps.Keys(c.models))) {
					t.Errorf("models %q, want %q", got, slices.Sorted(maps.Keys(c.models)))
				}
				for id, says := range c.models {
					m := model(t, s, id)
					if m.Ready != (says == ready) {
						t.Errorf("%s: ready %v", id, m.Ready)
					}
					checkErr(t, m, models, says)
				}
				must(t, s.Scan())
			}
		})
	}
}

// TestGenerated: a model file has what the header says, and nothing that changes
// the answers but the context length.
func TestGenerated(t *testing.T) {
	whole := tinyGuide(t)
	for name, c := range map[string]struct {
		files tree
		want  string // but for the chat template
	}{
		"a chat model": {tree{"m/x.gguf": whole, "m/mmproj.gguf": weights}, `{"name": "Tiny Guide", "created": 1700000000, "format": "gguf", "engine": "llamacpp",
			"sources": [{"filename": "x.gguf"}, {"filename": "mmproj.gguf"}], "settings": {"ctx_len": 2048},
			"metadata": {"generated": true, "size": 883200, "quantization": "Q8_0", "architecture": "llama", "context_length": 2048, "layers": 4, "parameters": 821120, "stop": ["<|im_end|>"]}}`},
		"a split one": {tree{"m/x-00001-of-00002.gguf": whole, "m/x-00002-of-00002.gguf": whole}, `{"name": "Tiny Guide", "created": 1700000000, "format": "gguf", "engine": "llamacpp",
			"sources": [{"filename": "x-00001-of-00002.gguf"}, {"filename": "x-00002-of-00002.gguf"}], "settings": {"ctx_len": 2048},
			"metadata": {"generated": true, "size": 1766400, "quantization": "Q8_0", "architecture": "llama", "context_length": 2048, "layers": 4, "parameters": 1642240, "stop": ["<|im_end|>"]}}`},
		"an embedding model": {tree{"m/x.Q4_K_M.gguf": ggufFile("nomic-bert")}, `{"name": "x.Q4_K_M", "created": 1700000000, "format": "gguf", "engine": "llamacpp",
			"sources": [{"filename": "x.Q4_K_M.gguf"}], "settings": {"ctx_len": 8192, "embedding": true},
			"metadata": {"generated": true, "size": 115, "quantization": "Q4_K_M", "architecture": "nomic-bert", "context_length": 8192}}`},
		"a long context": {tree{"m/x.gguf": ggufCounts("llama", "llama.context_length", 131072)}, `{"name": "x", "created": 1700000000, "format": "gguf", "engine": "llamacpp",
			"sources": [{"filename": "x.gguf"}], "settings": {"ctx_len": 8192},
			"metadata": {"generated": true, "size": 105, "architecture": "llama", "context_length": 131072}}`},
		"a name to be mistrusted": {tree{"m/x.gguf": ggufFile("llama", "general.name", " A\x00\x1b[31m\n B "+strings.Repeat("n", 300))}, `{"name": "A [31m B ` + strings.Repeat("n", 191) + `", "created": 1700000000, "format": "gguf", "engine": "llamacpp",
			"sources": [{"filename": "x.gguf"}], "settings": {"ctx_len": 8192},
			"metadata": {"generated": true, "size": 449, "architecture": "llama", "context_length": 8192}}`},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, c.files)
			adopting(t, models)
			text, err := os.ReadFile(filepath.Join(models, "m", "model.json"))
			must(t, err)
			var got, want map[string]any
			must(t, json.Unmarshal(text, &got))
			must(t, json.Unmarshal([]byte(c.want), &want))
			template, _ := got["metadata"].(map[string]any)["chat_template"].(string)
			if strings.Contains(c.want, "Tiny Guide") != strings.HasPrefix(template, "{% for message in messages %}") {
				t.Errorf("chat template %q", template)
			}
			delete(got["metadata"].(map[string]any), "chat_template")
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %s\nwant %s", text, c.want)
			}
		})
	}
}

// TestPersonsFileCounts: a model file of a person takes the place of the one that
// the store made for the same weights, unless somebody changed that.
func TestPersonsFileCounts(t *testing.T) {
	whole := tinyGuide(t)
	for name, c := range map[string]struct {
		edit  bool
		files tree
		ids   []string
	}{
		"in its place":      {files: tree{"model.json": `{"description": "mine"}`}, ids: []string{"m"}},
		"beside it":         {files: tree{"mine.json": `{"description": "mine"}`}, ids: []string{"m"}},
		"beside a changed":  {edit: true, files: tree{"mine.json": `{"description": "mine", "sources": [{"filename": "x.gguf"}]}`}, ids: []string{"m", "m/mine"}},
		"for other weights": {files: tree{"mine.json": `{"description": "mine", "sources": [{"filename": "y.gguf"}]}`, "y.gguf": whole}, ids: []string{"m", "m/mine"}},
	} {
		t.Run(name, func(t *testing.T) {
			models := plant(t, tree{"m/x.gguf": whole})
			s := adopting(t, models)
			if c.edit {
				must(t, save(s, model(t, s, "m"), "changed"))
			}
			grow(t, filepath.Join(models, "m"), c.files)
			must(t, s.Scan())
			if got := ids(s); !slices.Equal(got, c.ids) {
				t.Errorf("models %q, want %q", got, c.ids)
			}
			if m := model(t, s, c.ids[len(c.ids)-1]); m.Manifest.Description != "mine" || !m.Ready {
				t.Errorf("%s: %q, ready %v: %v", m.ID, m.Manifest.Description, m.Ready, m.Err)
			}
		})
	}
}

// TestAdoptFollows drops weights in piece by piece while the store follows.
func TestAdoptFollows(t *testing.T) {
	whole := tinyGuide(t)
	piece := func(name string, from, to int) func(string) error {
		return func(models string) error {
			file := filepath.Join(models, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
			if err != nil {
				return err
			}
			_, err = f.WriteString(whole[from:to])
			return errors.Join(err, f.Close())
		}
	}
	rename := func(from, to string) func(string) error {
		return func(models string) error { return os.Rename(filepath.Join(models, from), filepath.Join(models, to)) }
	}
	remove := func(name string) func(string) error {
		return func(models string) error { return os.Remove(filepath.Join(models, name)) }
	}
	all := len(whole)
	type step struct {
		what string
		do   func(models string) error
		id   string
		says string // why it is not ready; empty where it is, in a folder with a model file
	}
	for name, steps := range map[string][]step{
		"a slow copy": {
			{"nothing yet", piece("x.gguf", 0, 0), "x", "x.gguf"},
			{"part of the header", piece("x.gguf", 0, 900), "x", "x.gguf"},
			{"the header", piece("x.gguf", 900, 300_000), "x", "300 kB of 883.2 kB"},
			{"nearly all", piece("x.gguf", 300_000, all-40), "x", "883.1 kB of 883.2 kB"},
			{"all", piece("x.gguf", all-40, all), "x", ""},
		},
		"a rename": {
			{"fetched", piece("x.gguf.part", 0, all), "", ""},
			{"renamed", rename("x.gguf.part", "x.gguf"), "x", ""},
			{"dropped in once more", piece("x.gguf", 0, all), "x-2", ""},
		},
		"a download": {
			{"a mark", piece("x.gguf.aria2", 0, 9), "", ""},
			{"all of it, or so it looks", piece("x.gguf", 0, all), "x", "x.gguf.aria2"},
			{"over", remove("x.gguf.aria2"), "x", ""},
		},
		"a split set": {
			{"the second part", piece("x-00002-of-00002.gguf", 0, all), "x", "x-00001-of-00002.gguf"},
			{"half of the first", piece("x-00001-of-00002.gguf", 0, 300_000), "x", "300 kB of 883.2 kB of x-00001-of-00002.gguf"},
			{"all of the first", piece("x-00001-of-00002.gguf", 300_000, all), "x", ""},
		},
		"a folder of a folder": {
			{"half", piece("a/m/x.gguf", 0, 300_000), "a/m", "300 kB of 883.2 kB"},
			{"all", piece("a/m/x.gguf", 300_000, all), "a/m", ""},
			{"more", piece("a/m/y.gguf", 0, all), "a/m/y", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			models := plant(t, tree{"a/": ""})
			s := open(t, models)
			must(t, s.Adopt(20*time.Millisecond))
			for _, step := range steps {
				must(t, step.do(models))
				if step.id == "" {
					continue
				}
				eventually(t, s, step.what, func() bool {
					m, err := s.Model(step.id)
					if err != nil || step.says != "" {
						return err == nil && !m.Ready && m.Err != nil && strings.Contains(m.Err.Error(), step.says)
					}
					return m.Ready && m.File != ""
				})
			}
		})
	}
}

// TestAdoptWaits: weights that have just been written to are not moved. What time
// has to do is found again without an event.
func TestAdoptWaits(t *testing.T) {
	models := plant(t, tree{"x.gguf": tinyGuide(t)})
	s := open(t, models)
	must(t, s.Adopt(time.Hour))
	m := model(t, s, "x")
	checkErr(t, m, models, "x.gguf has just been written to")
	if err := save(s, m, "saved"); sdk.CodeOf(err) != sdk.CodeInvalid || m.Ready {
		t.Errorf("what may not be whole was changed: %v, ready %v", err, m.Ready)
	}
	must(t, s.Adopt(50*time.Millisecond))
	eventually(t, s, "taken in", func() bool { return model(t, s, "x").File != "" })
}

// TestAdoptIsAChange: a model that is taken in keeps its id, so that only a change
// is told of it.
func TestAdoptIsAChange(t *testing.T) {
	models := plant(t, tree{"x.gguf": tinyGuide(t)})
	longAgo(t, models)
	s := open(t, models)
	var all []store.Change
	s.OnChange(func(c store.Change) { all = append(all, c) })
	must(t, s.Adopt(time.Hour))
	if want := []store.Change{{Changed: []string{"x"}}}; !reflect.DeepEqual(all, want) {
		t.Errorf("told %v", all)
	}
}

// TestRemoveAdopted: weights that were dropped in are nowhere else.
func TestRemoveAdopted(t *testing.T) {
	models := plant(t, tree{"x.gguf": tinyGuide(t), "x.gguf.zip": packed(t, tree{"a/model.json": `{}`})})
	s := adopting(t, models)
	if err := s.Remove("x", false); !errors.Is(err, store.ErrConflict) {
		t.Errorf("removed: %v", err)
	}
	must(t, s.Remove("x", true))
	must(t, s.Remove("x.gguf", true))
	if got := left(t, models); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

// TestAdoptNearlyWhole: where two rounded sizes look the same, the bytes are told.
func TestAdoptNearlyWhole(t *testing.T) {
	number, size := binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	head := size(size(number([]byte("GGUF"), 3), 1), 0) // one tensor, no keys
	head = append(size(head, 1), 't')
	head = size(number(size(number(head, 1), 250_000_000), 0), 0) // of 250 million 32-bit numbers
	models := plant(t, tree{"x.gguf": string(head)})
	must(t, os.Truncate(filepath.Join(models, "x.gguf"), 1_000_000_000))
	s := adopting(t, models)
	checkErr(t, model(t, s, "x"), models, "1,000,000,000 of 1,000,000,064 bytes of x.gguf are here")
}
