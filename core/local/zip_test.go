package local_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/archive"
	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// zipped writes a zip and returns its path.
func zipped(t testing.TB, name string, content tree) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	f, err := os.Create(file)
	must(t, err)
	w := zip.NewWriter(f)
	var names []string
	for name := range content {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		entry, err := w.Create(name)
		must(t, err)
		_, err = io.WriteString(entry, content[name])
		must(t, err)
	}
	must(t, errors.Join(w.Close(), f.Close()))
	return file
}

// TestThereAndBack: a model that is exported is the same one on another machine.
func TestThereAndBack(t *testing.T) {
	g := guide(t)
	for name, c := range map[string]struct {
		files tree
		path  string
		mode  string
		o     local.Options
		id    string
	}{
		"a model":       {files: tree{"m/model.json": `{"name": "M", "parameters": {"max_tokens": 7}, "metadata": {"tags": ["a"]}}`, "m/x.gguf": g, "m/LICENSE": "free"}, path: "m", mode: local.Copy, id: "m"},
		"a deep id":     {files: tree{"x.gguf": g}, path: "x.gguf", o: local.Options{ID: "author/repo/Q4"}, mode: local.Copy, id: "author/repo/Q4"},
		"a link":        {files: tree{"sha256-1": g}, path: "sha256-1", o: local.Options{ID: "llama"}, mode: local.Link, id: "llama"},
		"with an image": {files: tree{"m/x.gguf": g, "m/mmproj.gguf": projector}, path: "m", mode: local.Link, id: "m"},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := open(t), open(t)
			c.o.Mode = c.mode
			_, err := bring(t, here, filepath.Join(planted(t, c.files), c.path), c.o)
			must(t, err)
			m := model(t, here, c.id)
			var b bytes.Buffer
			must(t, archive.Export(&b, m, true))
			file := filepath.Join(t.TempDir(), "export.zip")
			must(t, os.WriteFile(file, b.Bytes(), 0o600))

			ids, err := bring(t, there, file, local.Options{})
			if err != nil || !slices.Equal(ids, []string{c.id}) {
				t.Fatalf("%q, %v", ids, err)
			}
			n := model(t, there, c.id)
			if n.Linked || len(n.Files) != len(m.Files) || (n.MMProj == "") != (m.MMProj == "") {
				t.Errorf("%+v", n)
			}
			before, after := m.Manifest, n.Manifest
			before.Sources, after.Sources, before.Settings["mmproj"], after.Settings["mmproj"] = nil, nil, nil, nil
			if !reflect.DeepEqual(before, after) {
				t.Errorf("it was\n%+v\nand is\n%+v", before, after)
			}
			_, err = bring(t, there, file, local.Options{})
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("a second time: %v", err)
			}
			if ids, err := bring(t, there, file, local.Options{ID: "other"}); err != nil || ids[0] != "other" {
				t.Errorf("under another id: %q, %v", ids, err)
			}
			if ids, err := bring(t, open(t), file, local.Options{Mode: local.Move}); err != nil || len(ids) != 1 {
				t.Errorf("moved: %q, %v", ids, err)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("the zip that was moved is still there")
			}
		})
	}
}

// TestZips are those of others.
func TestZips(t *testing.T) {
	for name, c := range map[string]struct {
		zip   string
		files tree
		ids   []string
		want  []string // files of the models folder
	}{
		"weights alone":      {zip: "My zip.zip", files: tree{"x.gguf": weights}, ids: []string{"My-zip"}, want: []string{"My-zip/model.json", "My-zip/x.gguf"}},
		"a folder":           {zip: "a.zip", files: tree{"top/m/x.gguf": weights, "top/m/sub/notes.txt": "", "top/README": ""}, ids: []string{"m"}, want: []string{"m/model.json", "m/sub/notes.txt", "m/x.gguf"}},
		"a model file":       {zip: "a.zip", files: tree{"model.json": `{"id": "told", "name": "M"}`, "x.gguf": weights}, ids: []string{"told"}, want: []string{"told/model.json", "told/x.gguf"}},
		"several models":     {zip: "a.zip", files: tree{"m/a.json": `{"sources": [{"filename": "a.gguf"}]}`, "m/b.json": `{"sources": [{"filename": "b.gguf"}]}`, "m/a.gguf": weights, "m/b.gguf": weights + "b"}, ids: []string{"m/a", "m/b"}, want: []string{"m/a.gguf", "m/a.json", "m/b.gguf", "m/b.json"}},
		"several weights":    {zip: "a.zip", files: tree{"m/a.gguf": weights, "m/b.gguf": weights + "b"}, ids: []string{"m/a", "m/b"}, want: []string{"m/a.gguf", "m/a.json", "m/b.gguf", "m/b.json"}},
		"Cortex":             {zip: "a.zip", files: tree{"m/model.yml": "model: old\nctx_len: 77\n", "m/x.gguf": weights}, ids: []string{"m"}, want: []string{"m/model.json", "m/x.gguf"}},
		"hidden things":      {zip: "a.zip", files: tree{"m/x.gguf": weights, "m/.x.gguf.part": "", "__MACOSX/m/._x.gguf": "", ".DS_Store": ""}, ids: []string{"m"}, want: []string{"m/model.json", "m/x.gguf"}},
		"another's path":     {zip: "a.zip", files: tree{"m/model.json": `{"sources": [{"filename": "x.gguf", "url": "/home/other/x.gguf"}]}`, "m/x.gguf": weights}, ids: []string{"m"}, want: []string{"m/model.json", "m/x.gguf"}},
		"no weights":         {zip: "a.zip", files: tree{"m/model.json": `{"sources": [{"url": "https://models.example/x.gguf"}]}`}, ids: []string{"m"}, want: []string{"m/model.json"}},
		"safetensors":        {zip: "a.zip", files: tree{"m/model-00001-of-00002.safetensors": "1", "m/model-00002-of-00002.safetensors": "2", "m/config.json": "{}", "m/onnx/model.onnx": ""}, ids: []string{"m"}, want: []string{"m/config.json", "m/model-00001-of-00002.safetensors", "m/model-00002-of-00002.safetensors", "m/model.json", "m/onnx/model.onnx"}},
		"a hash that is his": {zip: "a.zip", files: tree{"m/model.json": fmt.Sprintf(`{"sources": [{"filename": "x.gguf", "sha256": "%x"}]}`, sha256.Sum256([]byte(weights))), "m/x.gguf": weights}, ids: []string{"m"}, want: []string{"m/model.json", "m/x.gguf"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ids, err := bring(t, s, zipped(t, c.zip, c.files), local.Options{})
			must(t, err)
			if slices.Sort(ids); !slices.Equal(ids, c.ids) {
				t.Errorf("got %q, want %q", ids, c.ids)
			}
			untouched(t, s, c.want...)
			for _, id := range ids {
				if m, err := s.Model(id); err != nil || m.Err != nil || m.Linked {
					t.Errorf("%s: %v, %v", id, err, m)
				}
			}
		})
	}
}

func TestZipsRefused(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.gguf")
	must(t, os.WriteFile(outside, []byte(weights), 0o600))
	for name, c := range map[string]struct {
		files tree
		want  string
	}{
		"traversal":                 {tree{"../x.gguf": weights}, "leads elsewhere"},
		"no model":                  {tree{"cat.jpg": ""}, "holds no model"},
		"a broken model file":       {tree{"m/model.json": `{"settings": 7}`, "m/x.gguf": weights}, "/settings: expected an object"},
		"a model file of no use":    {tree{"m/model.json": `{"sources": [{"filename": "gone.gguf"}]}`}, "could not be used"},
		"weights that are none":     {tree{"m/x.gguf": "<html>"}, "The weights cannot be used: x.gguf: gguf: not a GGUF file"},
		"and a file that says so":   {tree{"m/model.json": `{}`, "m/x.gguf": "<html>"}, "could not be used"},
		"a file of this machine":    {tree{"m/model.json": `{"sources": [{"filename": "x.gguf", "url": "` + outside + `"}]}`}, "outside of its folder"},
		"a path of this machine":    {tree{"m/model.json": `{"settings": {"llama_model_path": "` + outside + `"}}`}, "outside of its folder"},
		"an image of this machine":  {tree{"m/model.json": `{"settings": {"mmproj": "/etc/passwd"}}`, "m/x.gguf": weights}, "mmproj names a file outside"},
		"a grammar of this machine": {tree{"m/model.json": `{"settings": {"grammar_file": "/etc/passwd"}}`, "m/x.gguf": weights}, "grammar_file names a file outside"},
		"another hash":              {tree{"m/model.json": `{"sources": [{"filename": "x.gguf", "sha256": "` + strings.Repeat("0", 64) + `"}]}`, "m/x.gguf": weights}, "and should have 0000"},
		"an id that cannot be one":  {tree{".enginebay.json": `{"format": "enginebay.model", "version": 1, "id": "../../x", "files": [{"name": "x.gguf", "size": ` + fmt.Sprint(len(weights)) + `, "sha256": "` + fmt.Sprintf("%x", sha256.Sum256([]byte(weights))) + `"}]}`, "x.gguf": weights}, "is no model id"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			ids, err := bring(t, s, zipped(t, "a.zip", c.files), local.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || sdk.CodeOf(err) != sdk.CodeInvalid {
				t.Errorf("%q, %v; want %s", ids, err, c.want)
			}
			untouched(t, s)
			if left, err := os.ReadDir(filepath.Dir(s.Dir())); err != nil || len(left) != 1 {
				t.Errorf("beside the models folder there is %v, %v", left, err)
			}
		})
	}
}

// TestNoRoomForZip: what does not fit is not begun, and what fills the disk while it
// is unpacked is taken away again.
func TestNoRoomForZip(t *testing.T) {
	s := open(t)
	file := zipped(t, "a.zip", tree{"x.gguf": guide(t) + strings.Repeat("x", 3<<20)})
	asked := 0
	for name, free := range map[string]func(string) (uint64, error){
		"before": func(string) (uint64, error) { return 1 << 20, nil },
		"later": func(string) (uint64, error) {
			if asked++; asked > 2 {
				return 0, nil
			}
			return 1 << 30, nil
		},
	} {
		if _, err := bring(t, s, file, local.Options{Free: free, Reserve: 1000}); sdk.CodeOf(err) != sdk.CodeExhausted {
			t.Errorf("%s: %v", name, err)
		}
		untouched(t, s)
	}
}
