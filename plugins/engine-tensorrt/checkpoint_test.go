package main

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// llama is the config.json of a small model.
const llama = `{"architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
	"hidden_size": 64, "max_position_embeddings": 2048}`

// tensorsFile is a weight file with n bytes of numbers.
func tensorsFile(t *testing.T, n int) string {
	t.Helper()
	head, err := json.Marshal(map[string]any{"__metadata__": map[string]string{"format": "pt"},
		"w": map[string]any{"dtype": "BF16", "shape": []int{n / 2}, "data_offsets": []int{0, n}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...), make([]byte, n)...))
}

// folder is a model's folder with files.
func folder(t *testing.T, files map[string]string) sdk.Model {
	t.Helper()
	m := sdk.Model{ID: "small", Dir: t.TempDir(), Manifest: sdk.Manifest{Format: "safetensors"}}
	for name, content := range files {
		path := filepath.Join(m.Dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".gguf") {
			m.Files = append(m.Files, path)
		}
	}
	return m
}

// small is a checkpoint that is whole.
func small(t *testing.T) sdk.Model {
	return folder(t, map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors": tensorsFile(t, 1000)})
}

func TestOpen(t *testing.T) {
	weights := tensorsFile(t, 1000)
	index := `{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}`
	tests := map[string]struct {
		files map[string]string
		code  sdk.Code
		says  string
	}{
		"whole":            {map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors": weights}, "", ""},
		"in parts":         {map[string]string{"config.json": llama, "tokenizer.model": "x", "model.safetensors.index.json": index, "model-00001-of-00002.safetensors": weights, "model-00002-of-00002.safetensors": weights}, "", ""},
		"a part missing":   {map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors.index.json": index, "model-00001-of-00002.safetensors": weights}, sdk.CodeInvalid, "model-00002-of-00002.safetensors is missing"},
		"cut off":          {map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors": weights[:500]}, sdk.CodeInvalid, "bytes; download"},
		"cut off early":    {map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors": weights[:50]}, sdk.CodeInvalid, "cut off in its head"},
		"no safetensors":   {map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors": "version https://git-lfs"}, sdk.CodeInvalid, "no safetensors file"},
		"no config":        {map[string]string{"model.safetensors": weights}, sdk.CodeInvalid, "config.json is missing"},
		"broken config":    {map[string]string{"config.json": "{", "model.safetensors": weights}, sdk.CodeInvalid, "config.json is broken"},
		"broken index":     {map[string]string{"config.json": llama, "model.safetensors.index.json": "[]", "model.safetensors": weights}, sdk.CodeInvalid, "index.json is broken"},
		"no tokenizer":     {map[string]string{"config.json": llama, "model.safetensors": weights}, sdk.CodeInvalid, "no tokenizer"},
		"no weights":       {map[string]string{"config.json": llama, "tokenizer.json": "{}"}, sdk.CodeInvalid, "no .safetensors file"},
		"PyTorch's":        {map[string]string{"config.json": llama, "pytorch_model.bin": "x"}, sdk.CodeUnsupported, "PyTorch's own form"},
		"GGUF":             {map[string]string{"w.gguf": "x"}, sdk.CodeUnsupported, "llamacpp"},
		"engines":          {map[string]string{"config.json": `{"build_config": {}, "pretrained_config": {}}`, "rank0.engine": "x", "rank1.engine": "y"}, "", ""},
		"an engine amiss":  {map[string]string{"config.json": `{"build_config": {}}`}, sdk.CodeInvalid, "rank0.engine is missing"},
		"outside of index": {map[string]string{"config.json": llama, "tokenizer.json": "{}", "model.safetensors.index.json": `{"weight_map": {"a": "../../etc/passwd"}}`}, sdk.CodeInvalid, "passwd is missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := open(folder(t, test.files))
			if test.code == "" {
				if err != nil || c.size == 0 {
					t.Errorf("%+v, %v", c, err)
				}
				return
			}
			if sdk.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %s, %v; want %s, %q", sdk.CodeOf(err), err, test.code, test.says)
			}
		})
	}
}

// TestMemory is reckoned by hand: 2 × 2 heads × 16 numbers × 2 layers × 2 bytes a token.
func TestMemory(t *testing.T) {
	c, err := open(small(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.perToken != 256 || c.context != 2048 || c.dtype != "bfloat16" || c.architecture != "LlamaForCausalLM" {
		t.Errorf("%+v", c)
	}
	weights := uint64(c.size + c.size/10)
	for _, test := range []struct {
		s    settings
		want uint64
	}{{settings{}, 256 * 2048}, {settings{MaxSeqLen: 100}, 25600}, {settings{MaxSeqLen: 100, NParallel: 3}, 76800}} {
		if got := c.memory(test.s) - weights; got != test.want {
			t.Errorf("%+v: %d, want %d", test.s, got, test.want)
		}
	}
	hidden := folder(t, map[string]string{"config.json": `{"text_config": ` + llama + `, "quantization_config": {"quant_method": "fp8"}}`, "tokenizer.json": "{}", "model.safetensors": tensorsFile(t, 10)})
	if c, err := open(hidden); err != nil || c.perToken != 256 || c.quantized != "fp8" {
		t.Errorf("a model that sees: %+v, %v", c, err)
	}
}
