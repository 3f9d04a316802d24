package store_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// shown is what the API shows of a model.
func shown(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var v map[string]any
	must(t, json.Unmarshal(text, &v))
	return v
}

// TestDefaults: a model of which nothing is said has every property.
func TestDefaults(t *testing.T) {
	models := plant(t, tree{"foo/foo.json": `{}`, "foo/x.Q8_0.gguf": weights, "st/model.safetensors": "12345", "dir/model.json": `{"engine": "mlx"}`})
	then := time.Unix(1700000000, 0)
	for _, file := range []string{"foo/foo.json", "st/model.safetensors", "dir/model.json"} {
		must(t, os.Chtimes(filepath.Join(models, file), then, then))
	}
	s := open(t, models)
	with := func(more map[string]any) map[string]any {
		all := map[string]any{
			"object": "model", "created": 1.7e9, "owned_by": "you", "version": "1", "description": "", "sources": []any{},
			"settings": map[string]any{}, "parameters": map[string]any{}, "metadata": map[string]any{}, "assets": []any{},
		}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	for id, want := range map[string]map[string]any{
		"foo": with(map[string]any{"id": "foo", "name": "foo", "format": "gguf", "engine": "llamacpp", "metadata": map[string]any{
			"size": float64(len(weights)), "architecture": "llama", "context_length": 8192.0, "quantization": "Q8_0"}}),
		"st":  with(map[string]any{"id": "st", "name": "st", "format": "safetensors", "engine": "tensorrt", "metadata": map[string]any{"size": 5.0}}),
		"dir": with(map[string]any{"id": "dir", "name": "dir", "format": "", "engine": "mlx"}),
	} {
		t.Run(id, func(t *testing.T) {
			if got := shown(t, model(t, s, id).JSON()); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// TestSpellings: one model in four spellings is shown as one and the same, with
// numbers and booleans where the file has texts.
func TestSpellings(t *testing.T) {
	url := remote + "x.Q4_K_M.gguf"
	files := tree{
		"a/m/m.json":     `{"source_url": "` + url + `", "created": 5, "parameters": {"init": {"ctx_len": "2048", "embedding": "true"}, "runtime": {"temperature": "0.5", "token_limit": "9"}}, "metadata": {"engine": "llamacpp"}}`,
		"b/m/model.json": `{"sources": [{"filename": "x.Q4_K_M.gguf", "url": "` + url + `"}], "created": 5, "engine": "nitro", "engine_parameters": {"ctx_len": 2048, "embedding": true}, "model_parameters": {"temperature": 0.5, "max_tokens": 9}}`,
		"c/m/model.json": `{"sources": [{"url": "` + url + `"}], "created": 5, "format": "gguf", "settings": {"ctx_len": 2048, "embedding": true, "temperature": 0.5}, "parameters": {"max_tokens": 9}}`,
		"e/m/model.yml":  "source_url: " + url + "\ncreated: 5\nctx_len: 2048\nembedding: true\ntemperature: 0.5\nmax_tokens: 9\nengine: llama-cpp\n",
	}
	for name := range files {
		files[filepath.Dir(name)+"/x.Q4_K_M.gguf"] = weights
	}
	s := plantAndOpen(t, files)
	var first map[string]any
	for _, id := range []string{"a/m", "b/m", "c/m", "e/m"} {
		m := model(t, s, id)
		got := shown(t, m.JSON())
		delete(got, "id")
		if first == nil {
			first = got
		}
		if !m.Ready || !reflect.DeepEqual(got, first) {
			t.Errorf("%s, ready %v: %v\ngot  %v\nwant %v", id, m.Ready, m.Err, got, first)
		}
	}
	want := map[string]any{"ctx_len": 2048.0, "embedding": true}
	if !reflect.DeepEqual(first["settings"], want) {
		t.Errorf("settings %v, want %v", first["settings"], want)
	}
}
