package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/store"
)

// benchModels is how many models the benchmarks have.
const benchModels = 10_000

// modelFile is a model file as publishers ship them.
const modelFile = `{
  "sources": [{
    "filename": "model-%[1]d.Q4_K_M.gguf",
    "url": "https://huggingface.co/author/model-%[1]d-GGUF/resolve/main/model-%[1]d.Q4_K_M.gguf"
  }],
  "id": "model-%[1]d",
  "object": "model",
  "name": "Model %[1]d Chat 8B Q4",
  "version": "1.2",
  "description": "Model %[1]d is a general chat model with long context and good instruction following.",
  "format": "gguf",
  "settings": {
    "ctx_len": 131072,
    "ngl": 33,
    "prompt_template": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{system_message}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{prompt}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
  },
  "parameters": {
    "temperature": 0.7,
    "top_p": 0.95,
    "stream": true,
    "max_tokens": 8192,
    "stop": ["<|end_of_text|>", "<|eot_id|>", "<|eom_id|>"],
    "frequency_penalty": 0,
    "presence_penalty": 0
  },
  "metadata": {"author": "Author", "tags": ["8B", "Featured", "Chat"], "size": 4920000000},
  "engine": "nitro"
}
`

// plantMany makes ten thousand model folders. The weights are one file of 1.8 MB
// with a vocabulary of 128k tokens, linked into all of them: the store sees as
// many paths, but the page cache holds the file once, so that disks do not count.
func plantMany(b *testing.B) string {
	b.Helper()
	models := plant(b, nil)
	must(b, os.MkdirAll(models, 0o755))
	shared := filepath.Join(filepath.Dir(models), "shared.gguf")
	head := ggufHead([]string{"general.architecture", "llama", "general.name", "Many"}, "llama", 128_000)
	must(b, os.WriteFile(shared, []byte(head), 0o644))
	for i := range benchModels {
		dir := filepath.Join(models, fmt.Sprintf("model-%05d", i))
		must(b, os.Mkdir(dir, 0o755))
		must(b, os.WriteFile(filepath.Join(dir, "model.json"), fmt.Appendf(nil, modelFile, i), 0o644))
		must(b, os.Link(shared, filepath.Join(dir, fmt.Sprintf("model-%d.Q4_K_M.gguf", i))))
	}
	return models
}

func BenchmarkStore(b *testing.B) {
	models := plantMany(b)
	b.Run("first scan", func(b *testing.B) {
		for b.Loop() {
			s, err := store.Open(store.Config{Dir: models, Log: hclog.NewNullLogger()})
			must(b, err)
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
	})
	s := open(b, models)
	if list := s.Models(); len(list) != benchModels || !list[0].Ready || list[0].Header == nil {
		b.Fatalf("%d models, the first %+v", len(list), list[0])
	}
	b.Run("rescan", func(b *testing.B) {
		for b.Loop() {
			must(b, s.Scan())
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if len(s.Models()) != benchModels {
				b.Fatal("models are missing")
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Model("model-07777"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lookup of none", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Model("model-0777x"); err == nil {
				b.Fatal("there is one")
			}
		}
	})
	b.Run("first rendering", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			fresh, err := store.Open(store.Config{Dir: models, Log: hclog.NewNullLogger()})
			must(b, err)
			runtime.GC() // of what the scan left
			b.StartTimer()
			render(b, fresh)
			b.StopTimer()
			fresh.Close()
			b.StartTimer()
		}
	})
	b.Run("rendering", func(b *testing.B) {
		for b.Loop() {
			render(b, s)
		}
	})
}

// render writes the list as core/api does.
func render(b *testing.B, s *store.Store) {
	list := s.Models()
	body := make([]byte, 0, 64+len(list)*640)
	for _, m := range list {
		manifest := m.JSON()
		body = append(body, manifest[:len(manifest)-1]...)
		body = append(body, `,"state":"ready"},`...)
	}
	if len(body) < 100*benchModels {
		b.Fatalf("%d bytes", len(body))
	}
}
