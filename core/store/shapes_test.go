package store_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

func TestEngineNames(t *testing.T) {
	for want, names := range map[string]string{
		"llamacpp": "llamacpp nitro llama.cpp llama-cpp cortex.llamacpp cortex Nitro",
		"tensorrt": "tensorrt triton_trtllm triton_tensorrtllm tensorrt-llm tensorrtllm nitro-tensorrt-llm",
		"api":      "api openai azure azure_openai groq anthropic mistral martian openrouter cohere nvidia",
	} {
		for _, name := range strings.Fields(names) {
			t.Run(name, func(t *testing.T) {
				m, _ := readText(t, `{"engine": "`+name+`"}`)
				provider, _ := m.Metadata["provider"].(string)
				if m.Engine != want || (provider == name) != (want == "api" && name != "api") {
					t.Errorf("engine %s, provider %q", m.Engine, provider)
				}
			})
		}
	}
	if m, _ := readText(t, `{"engine": "My-Engine"}`); m.Engine != "My-Engine" {
		t.Errorf("engine %s", m.Engine)
	}
}

// TestSourceNames: what of an address becomes the name of the file.
func TestSourceNames(t *testing.T) {
	for address, want := range map[string]sdk.Source{
		"https://any-source.com/a/model-binary.bin": {Filename: "model-binary.bin", URL: "https://any-source.com/a/model-binary.bin"},
		"https://x.com/a%20b.gguf?download=true#x":  {Filename: "a b.gguf", URL: "https://x.com/a%20b.gguf?download=true#x"},
		"https://huggingface.co/mys/llava-v1.5-13b": {URL: "https://huggingface.co/mys/llava-v1.5-13b"},
		"hf://owner/repo":     {URL: "hf://owner/repo"},
		"./x.gguf":            {Filename: "x.gguf"},
		"parts/x.GGUF":        {Filename: "parts/x.GGUF"},
		"../other/x.gguf":     {Filename: "x.gguf", URL: "../other/x.gguf"},
		"~/x.gguf":            {Filename: "x.gguf", URL: "~/x.gguf"},
		"file:///data/x.gguf": {Filename: "x.gguf", URL: "/data/x.gguf"},
		`C:\data\x.gguf`:      {Filename: "x.gguf", URL: "C:/data/x.gguf"},
		"~/models/finetune":   {URL: "~/models/finetune"},
		"/data/.gguf":         {URL: "/data/.gguf"},
	} {
		t.Run(address, func(t *testing.T) {
			m, _ := readText(t, `{"source_url": "`+strings.ReplaceAll(address, `\`, `\\`)+`"}`)
			if len(m.Sources) != 1 || !reflect.DeepEqual(m.Sources[0], want) {
				t.Errorf("got %+v, want %+v", m.Sources, want)
			}
		})
	}
}

// TestWeightsComeFirst: the first source is the model itself.
func TestWeightsComeFirst(t *testing.T) {
	m, warnings := readText(t, `{"sources": [{"filename": "mmproj.gguf", "url": "https://x.com/mmproj.gguf"}, {"filename": "w.gguf"}],
		"settings": {"llama_model_path": "/data/w.gguf", "mmproj": "mmproj.gguf"}}`)
	want := []sdk.Source{{Filename: "w.gguf", URL: "/data/w.gguf"}, {Filename: "mmproj.gguf", URL: "https://x.com/mmproj.gguf"}}
	if !reflect.DeepEqual(m.Sources, want) || len(warnings) > 0 || m.Settings["llama_model_path"] != nil {
		t.Errorf("sources %+v, settings %v, %v", m.Sources, m.Settings, warnings)
	}
}

// TestReadingChangesNothing: the document is the caller's.
func TestReadingChangesNothing(t *testing.T) {
	text := `{"parameters": {"init": {"ctx_len": "1"}}, "sources": [{"url": "./x.gguf"}], "metadata": {"a": ["N/A"], "b": "N/A"}}`
	doc, err := schemas.Parse("model.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.ReadManifest(doc); err != nil {
		t.Fatal(err)
	}
	fresh, err := schemas.Parse("model.json", []byte(text))
	if err != nil || !reflect.DeepEqual(doc.Value, fresh.Value) {
		t.Errorf("now %v, %v", doc.Value, err)
	}
}
