package store_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// TestShapes reads every shape that model files have had. NAME.golden.json
// beside a document is its canonical form and is absent where it is refused;
// NAME.txt is what is said about it, and is absent where nothing is.
func TestShapes(t *testing.T) {
	for _, file := range shapes(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			canonical, said := "", ""
			m, warnings, err := read(t, file)
			if err != nil {
				if problems := (schemas.Problems{}); !errors.As(err, &problems) {
					t.Errorf("not Problems: %v", err)
				}
				said = err.Error() + "\n"
			} else {
				canonical = write(t, m)
			}
			if len(warnings) > 0 {
				said += warnings.Error() + "\n"
			}
			stem := strings.TrimSuffix(file, filepath.Ext(file))
			compare(t, stem+".golden.json", canonical)
			compare(t, stem+".txt", said)
		})
	}
}

// TestRoundTrip writes the canonical form of every shape and reads it again.
func TestRoundTrip(t *testing.T) {
	for _, file := range shapes(t) {
		m, _, err := read(t, file)
		if err != nil {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			again, warnings := readText(t, write(t, m))
			if !reflect.DeepEqual(again, m) {
				t.Errorf("read  %#v\nagain %#v", m, again)
			}
			for _, w := range warnings {
				if !strings.Contains(w.Expected, "known key") && !strings.Contains(w.Pointer, "llama_model_path") &&
					!strings.Contains(w.Pointer, "api_key") {
					t.Errorf("the canonical form is odd: %v", w)
				}
			}
		})
	}
}

// TestOneModelManySpellings: whatever spelling a model is written in, it is the
// same model.
func TestOneModelManySpellings(t *testing.T) {
	const url = "https://huggingface.co/TheBloke/zephyr-7B-beta-GGUF/resolve/main/zephyr-7b-beta.Q4_K_M.gguf"
	spellings := map[string]string{
		"A": `"source_url": "` + url + `",
			"parameters": {
				"init": {"ctx_len": "2048", "ngl": "100", "embedding": "false"},
				"runtime": {"temperature": "0.7", "token_limit": "2048", "stream": "true", "stop": ["</s>"]}},
			"metadata": {"engine": "llamacpp", "quantization": "Q4_K_M"},`,
		"B": `{"id": "zephyr", "object": "model", "name": "zephyr", "owned_by": "you", "version": "1", "created": 1700000000,
			"description": null, "format": "ggufv3", "engine": "nitro",
			"sources": [{"filename": "zephyr-7b-beta.Q4_K_M.gguf", "url": "` + url + `"}],
			"engine_parameters": {"ctx_len": 2048, "ngl": 100, "embedding": false},
			"model_parameters": {"temperature": 0.7, "max_tokens": 2048, "stream": true, "stop": ["</s>"]},
			"metadata": {"quantization": "Q4_K_M"}}`,
		"C": `{"id": "zephyr", "object": "model", "name": "zephyr", "version": "1", "created": 1700000000123,
			"format": "gguf", "engine": "llama-cpp", "state": "ready",
			"sources": [{"filename": "zephyr-7b-beta.Q4_K_M.gguf", "url": "` + url + `"}],
			"settings": {"ctx_len": 2048, "ngl": 100, "embedding": false, "llama_model_path": "zephyr-7b-beta.Q4_K_M.gguf"},
			"parameters": {"temperature": 0.7, "max_tokens": 2048, "stream": true, "stop": ["</s>"]},
			"metadata": {"quantization": "Q4_K_M"}}`,
		"C with source_url": `{"source_url": "` + url + `", "format": "gguf", "engine": "nitro",
			"settings": {"ctx_len": 2048, "ngl": 100, "embedding": false},
			"parameters": {"temperature": 0.7, "token_limit": 2048, "stream": true, "stop": ["</s>"]},
			"metadata": {"quantization": "Q4_K_M"}}`,
		"E": `{"model": "zephyr", "files": null, "source_url": "` + url + `", "engine": "cortex.llamacpp",
			"ctx_len": 2048, "ngl": 100, "embedding": false,
			"temperature": 0.7, "max_tokens": 2048, "stream": true, "stop": "</s>",
			"quantization_method": "Q4_K_M"}`,
		"S2": `{"sources": [{"url": "` + url + `"}], "engine": "llama.cpp",
			"settings": {"ctx_len": 2048, "ngl": 100, "embedding": false, "temperature": 0.7},
			"parameters": {"max_tokens": 2048, "stream": true, "stop": ["</s>"]},
			"metadata": {"quantization": "Q4_K_M"}}`,
	}
	defaults := store.Defaults{ID: "zephyr", Name: "zephyr", Created: 1700000000}
	m, _ := readText(t, spellings["B"])
	want := write(t, store.Complete(m, defaults))
	for name, text := range spellings {
		t.Run(name, func(t *testing.T) {
			m, _ := readText(t, text)
			if got := write(t, store.Complete(m, defaults)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestComplete(t *testing.T) {
	defaults := store.Defaults{ID: "foo", Name: "foo", Created: 1700000000}
	for text, want := range map[string]sdk.Manifest{
		`{}`:                   {ID: "foo", Name: "foo", Created: 1700000000, Version: "1", OwnedBy: "you", Engine: "llamacpp", Format: "gguf"},
		`{"engine": "openai"}`: {ID: "foo", Name: "foo", Created: 1700000000, Version: "1", OwnedBy: "you", Engine: "api", Format: "api", Metadata: map[string]any{"provider": "openai"}},
		`{"format": "api"}`:    {ID: "foo", Name: "foo", Created: 1700000000, Version: "1", OwnedBy: "you", Engine: "api", Format: "api"},
		`{"engine": "mlx"}`:    {ID: "foo", Name: "foo", Created: 1700000000, Version: "1", OwnedBy: "you", Engine: "mlx"},
		`{"id": "x", "name": "X", "created": 5, "version": "2", "owned_by": "me"}`: {ID: "x", Name: "X", Created: 5, Version: "2", OwnedBy: "me", Engine: "llamacpp", Format: "gguf"},
	} {
		t.Run(text, func(t *testing.T) {
			want.Object = "model"
			m, _ := readText(t, text)
			if got := store.Complete(m, defaults); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
