package main

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// shapes are small models of the kinds that there are.
var shapes = map[string]shape{
	"small":   {layers: 4, embd: 256, ff: 704, heads: 4, kv: 2, vocab: 1000, context: 32768, kind: f16Type},
	"wide":    {layers: 6, embd: 1024, ff: 2816, heads: 16, kv: 4, vocab: 8000, context: 32768, kind: q8Type},
	"words":   {layers: 2, embd: 512, ff: 1024, heads: 8, kv: 8, vocab: 64000, context: 32768, kind: q8Type},
	"experts": {layers: 4, embd: 512, ff: 512, heads: 8, kv: 2, vocab: 4000, context: 32768, kind: q8Type, experts: 8, used: 2},
	"window":  {arch: "gemma3", layers: 12, embd: 512, ff: 1024, heads: 4, kv: 2, head: 128, vocab: 4000, context: 32768, window: 1024, kind: f16Type, tied: true},
	"qwen":    {arch: "qwen3", layers: 8, embd: 512, ff: 1536, heads: 8, kv: 4, head: 128, vocab: 4000, context: 32768, kind: f16Type, tied: true},
}

// TestMemory compares what Inspect says with what llama-server then takes.
func TestMemory(t *testing.T) {
	for name, test := range map[string]struct{ shape, settings string }{
		"a short context":   {"small", `{"ctx_len": 2048}`},
		"a long one":        {"small", `{"ctx_len": 32768}`},
		"a small cache":     {"qwen", `{"ctx_len": 8192, "cache_type": "q8_0"}`},
		"plain attention":   {"small", `{"ctx_len": 8192, "flash_attn": false}`},
		"many words":        {"words", `{"ctx_len": 2048}`},
		"experts":           {"experts", `{"ctx_len": 8192}`},
		"a sliding window":  {"window", `{"ctx_len": 8192, "n_parallel": 2}`},
		"quantized weights": {"wide", `{"ctx_len": 8192, "n_ubatch": 256}`},
		"embeddings":        {"small", `{"ctx_len": 1024, "embedding": true}`},
		"tiny-guide":        {"", `{"ctx_len": 2048}`},
	} {
		t.Run(name, func(t *testing.T) {
			model := tinyGuide(t)
			if test.shape != "" {
				model = shapes[test.shape].write(t, test.shape)
			}
			compare(t, model, test.settings, "CPU")
		})
	}
}

// compare loads a model, and compares what it takes with the estimate. A quantized
// weight may take a tenth more in the processor's own form, and buffers are rounded up.
func compare(t *testing.T, model sdk.Model, settings, device string) {
	t.Helper()
	e := newEngine(t)
	expected, err := e.Inspect(t.Context(), sdk.LoadRequest{Model: model, Settings: overlay(t, `{"cpu_threads": 1}`, settings)})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	in, err := e.load(t, model, settings, hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Info}))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close(t.Context())
	took := in.Endpoint().Memory
	if took == 0 {
		t.Skip("this llama-server does not tell what it takes")
	}
	if off := math.Abs(float64(expected.Memory) - float64(took)); off > 0.12*float64(took)+1<<20 {
		t.Errorf("estimated %s, took %s", amount(expected.Memory), amount(took))
	}
	if said := log.String(); !strings.Contains(said, "memory taken") || !strings.Contains(said, device+" ") {
		t.Errorf("the log says %q", said)
	}
	t.Logf("estimated %s, took %s (%s)", amount(expected.Memory), amount(took), in.(*instance).memory)
}

// TestNoGPU is a load that asks for a GPU where there is none.
func TestNoGPU(t *testing.T) {
	for _, variable := range visibles {
		t.Setenv(variable, "-1")
	}
	t.Run("layers", func(t *testing.T) {
		t.Setenv("HIP_VISIBLE_DEVICES", "0") // it is not all hidden
		var log bytes.Buffer
		in, err := newEngine(t).load(t, tinyGuide(t), `{"ngl": 99}`, hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Info}))
		if err != nil {
			t.Fatal(err)
		}
		in.Close(t.Context())
		if in.Endpoint().Memory > 0 && !in.(*instance).memory.onGPU() && !strings.Contains(log.String(), "no GPU is used, though one is asked for") {
			t.Errorf("it is not warned of: %s", &log)
		}
	})
	t.Run("a device", func(t *testing.T) {
		_, err := newEngine(t).try(t, tinyGuide(t), `{"devices": ["CUDA7"]}`)
		if sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), "invalid device: CUDA7; ") {
			t.Errorf("%s, %v", sdk.CodeOf(err), err)
		}
	})
}
