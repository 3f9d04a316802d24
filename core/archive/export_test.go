package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core/archive"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guide is a real GGUF.
func guide(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("../../examples/models/tiny-guide/tiny-guide.gguf")
	must(t, err)
	return string(data)
}

// plant makes a store of files; "MODELS" in a text is the path of the folder.
func plant(t testing.TB, files map[string]string) *store.Store {
	t.Helper()
	models := filepath.Join(t.TempDir(), "models")
	for name, content := range files {
		file := filepath.Join(models, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(strings.ReplaceAll(content, "MODELS", filepath.ToSlash(models))), 0o644))
	}
	s, err := store.Open(store.Config{Dir: models, Log: hclog.NewNullLogger()})
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// exported exports a model, and checks the size that was told before.
func exported(t testing.TB, m *store.Model, weights bool) map[string]string {
	t.Helper()
	size, err := archive.Size(m, weights)
	must(t, err)
	var b bytes.Buffer
	must(t, archive.Export(&b, m, weights))
	if int64(b.Len()) != size {
		t.Errorf("%d bytes were told, and there are %d", size, b.Len())
	}
	zr, err := zip.NewReader(bytes.NewReader(b.Bytes()), size)
	must(t, err)
	files := map[string]string{}
	for _, f := range zr.File {
		if f.Method != zip.Store {
			t.Errorf("%s is compressed", f.Name)
		}
		r, err := f.Open()
		must(t, err)
		data, err := io.ReadAll(r)
		must(t, err)
		files[f.Name] = string(data)
	}
	return files
}

func TestExport(t *testing.T) {
	gguf := guide(t)
	for name, c := range map[string]struct {
		files   map[string]string
		id      string
		without bool     // weights
		want    []string // files, in order
		has     []string // in the model file
		not     []string // in the model file
	}{
		"a folder": {
			files: map[string]string{"m/model.json": `{"name": "M", "settings": {"ctx_len": 512}}`, "m/x.gguf": gguf, "m/LICENSE": "free", "m/.x.gguf.part": "half", "m/other.gguf.download": "", "m/sub/notes.txt": "", "m/config.json": "{}"},
			id:    "m",
			want:  []string{"m/.enginebay.json", "m/LICENSE", "m/config.json", "m/model.json", "m/other.gguf.download", "m/x.gguf"},
			has:   []string{`"ctx_len": 512`, `"filename": "x.gguf"`},
			not:   []string{`"created"`, `"architecture"`},
		},
		"without weights": {
			files:   map[string]string{"m/model.json": `{"sources": [{"url": "https://models.example/x.gguf"}]}`, "m/x.gguf": gguf, "m/LICENSE": "free"},
			id:      "m",
			without: true,
			want:    []string{"m/.enginebay.json", "m/LICENSE", "m/model.json"},
			has:     []string{"https://models.example/x.gguf"},
		},
		"to be downloaded": {
			files: map[string]string{"m/model.json": `{"sources": [{"url": "https://models.example/x.gguf"}]}`},
			id:    "m",
			want:  []string{"m/.enginebay.json", "m/model.json"},
		},
		"a variant": {
			files: map[string]string{"a/m/Q4.json": `{"sources": [{"filename": "q4.gguf"}]}`, "a/m/Q8.json": `{"sources": [{"filename": "q8.gguf"}]}`, "a/m/q4.gguf": gguf, "a/m/q8.gguf": gguf, "a/m/mmproj.gguf": gguf},
			id:    "a/m/Q4",
			want:  []string{"a/m/Q4/.enginebay.json", "a/m/Q4/mmproj.gguf", "a/m/Q4/model.json", "a/m/Q4/q4.gguf"},
		},
		"weights without a file": {
			files: map[string]string{"x.gguf": gguf, "README.md": "all of them"},
			id:    "x",
			want:  []string{"x/.enginebay.json", "x/model.json", "x/x.gguf"},
			has:   []string{`"filename": "x.gguf"`},
		},
		"parts": {
			files: map[string]string{"m/model.json": `{}`, "m/x-00001-of-00002.gguf": gguf, "m/x-00002-of-00002.gguf": gguf},
			id:    "m",
			want:  []string{"m/.enginebay.json", "m/model.json", "m/x-00001-of-00002.gguf", "m/x-00002-of-00002.gguf"},
		},
		"another's blob": {
			files: map[string]string{"m/model.json": `{"sources": [{"filename": "llama.gguf", "url": "MODELS/.away/sha256-1"}, {"filename": "mmproj.gguf", "url": "MODELS/.away/sha256-2"}], "settings": {"mmproj": "mmproj.gguf"}}`, ".away/sha256-1": gguf, ".away/sha256-2": gguf},
			id:    "m",
			want:  []string{"m/.enginebay.json", "m/llama.gguf", "m/mmproj.gguf", "m/model.json"},
			has:   []string{`"filename": "llama.gguf"`, `"mmproj": "mmproj.gguf"`},
			not:   []string{"away"},
		},
		"a link of older kinds": {
			files: map[string]string{"m/model.json": `{"settings": {"llama_model_path": "MODELS/.away/x.gguf", "mmproj": "MODELS/.away/mmproj-x.gguf"}}`, ".away/x.gguf": gguf, ".away/mmproj-x.gguf": gguf},
			id:    "m",
			want:  []string{"m/.enginebay.json", "m/mmproj-x.gguf", "m/model.json", "m/x.gguf"},
			not:   []string{"away", "llama_model_path"},
		},
		"secrets": {
			files: map[string]string{"m/model.json": `{"format": "api", "x_api_key": "sk-1", "settings": {"api_key": "sk-2", "base_url": "https://x.example", "headers": {"Authorization": "sk-3"}}, "parameters": {"max_tokens": 7}, "metadata": {"list": [{"token": "sk-4"}]}, "assets": ["MODELS/m/a.txt", "b.txt"],
				"sources": [{"filename": "x.gguf", "url": "https://sk-5:sk-6@models.example/x.gguf?X-Amz-Signature=sk-7&sig=sk-8&token=sk-9&download=true"}]}`, "m/b.txt": ""},
			id:   "m",
			want: []string{"m/.enginebay.json", "m/b.txt", "m/model.json"},
			has:  []string{`"max_tokens": 7`, "https://models.example/x.gguf?download=true", `"b.txt"`, "https://x.example"},
			not:  []string{"sk-", "api_key", "hidden", "a.txt"},
		},
		"a shape of old": {
			files: map[string]string{"m/model.yml": "model: old\nctx_len: 512\nstop: [x]\n", "m/x.gguf": gguf},
			id:    "m",
			want:  []string{"m/.enginebay.json", "m/model.json", "m/x.gguf"},
			has:   []string{`"ctx_len": 512`, `"stop"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := plant(t, c.files).Model(c.id)
			must(t, err)
			files := exported(t, m, !c.without)
			var got []string
			for name := range files {
				got = append(got, name)
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("it has %q, want %q", got, c.want)
			}
			file := files[c.id+"/model.json"]
			for _, text := range c.has {
				if !strings.Contains(file, text) {
					t.Errorf("the model file lacks %s:\n%s", text, file)
				}
			}
			for _, text := range c.not {
				if strings.Contains(file, text) {
					t.Errorf("the model file has %s:\n%s", text, file)
				}
			}
			var l struct {
				ID    string
				Files []struct{ Name string }
			}
			must(t, json.Unmarshal([]byte(files[c.id+"/.enginebay.json"]), &l))
			if l.ID != c.id || len(l.Files) != len(files)-1 {
				t.Errorf("the list says %+v", l)
			}
		})
	}
}

func TestExportRefused(t *testing.T) {
	gguf := guide(t)
	s := plant(t, map[string]string{
		"broken/model.json": `{"settings": 7}`, "broken/x.gguf": gguf,
		"half/x-00001-of-00002.gguf": gguf,
		"weights/model.json":         `{"settings": {"llama_model_path": "MODELS/.away/key"}}`,
		"projector/model.json":       `{"settings": {"mmproj": "MODELS/.away/key"}}`, "projector/x.gguf": gguf,
		".away/key": "secret",
	})
	for id, want := range map[string]string{"weights": "is no GGUF file", "projector": "is no GGUF file", "broken": "before this is mended", "half": "x-00002-of-00002.gguf"} {
		m, err := s.Model(id)
		must(t, err)
		if _, err := archive.Size(m, true); err == nil || !strings.Contains(err.Error(), want) || sdk.CodeOf(err) != sdk.CodeInvalid {
			t.Errorf("%s: size: %v", id, err)
		}
		if err := archive.Export(io.Discard, m, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	m, err := s.Model("half")
	must(t, err)
	if files := exported(t, m, false); len(files) != 2 {
		t.Errorf("half of a model without weights: %d files", len(files))
	}
}

// grower lets a file grow when the first bytes of it were written.
type grower struct{ file string }

func (g grower) Write(p []byte) (int, error) {
	f, err := os.OpenFile(g.file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	_, err = f.WriteString("more")
	return len(p), errors.Join(err, f.Close())
}

// TestChanged: weights that change meanwhile make no archive that looks whole.
func TestChanged(t *testing.T) {
	s := plant(t, map[string]string{"m/x.gguf": guide(t) + strings.Repeat("x", 4<<20)})
	m, err := s.Model("m")
	must(t, err)
	if err := archive.Export(grower{m.Files[0]}, m, true); err == nil || !strings.Contains(err.Error(), "changed while it was exported") {
		t.Errorf("got %v", err)
	}
}

// TestBeyond4G: the end of a zip64 entry is longer, and so is its line in the table
// of contents. A file of that size is not made for it; only its bytes are counted.
func TestBeyond4G(t *testing.T) {
	for _, size := range []int64{0, 1, 1<<32 - 2, 1<<32 - 1, 1 << 32} {
		h := zip.FileHeader{Name: "m/x.gguf", Modified: time.Unix(1700000000, 0)}
		h.UncompressedSize64 = uint64(size)
		var told, written counter
		hollow, full := zip.NewWriter(&told), zip.NewWriter(&written)
		copied := h
		must(t, archive.Hollow(hollow, &copied))
		w, err := full.CreateHeader(&h)
		must(t, err)
		zeros := make([]byte, 1<<20)
		for left := size; left > 0; left -= int64(len(zeros)) {
			_, err = w.Write(zeros[:min(left, int64(len(zeros)))])
			must(t, err)
		}
		must(t, errors.Join(hollow.Close(), full.Close()))
		if told != written {
			t.Errorf("of %d bytes %d were told, and there are %d", size, told, written)
		}
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
