package gguf_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/enginebay/enginebay/sdk/gguf"
)

func TestMemory(t *testing.T) {
	llama8B := gguf.Header{
		ContextLength: 131072, EmbeddingLength: 4096, KeyLength: 128, ValueLength: 128, KVHeads: 32 * 8, VocabSize: 128256, FileSize: 5 << 30,
	}
	sliding := gguf.Header{KeyLength: 64, ValueLength: 64, KVHeads: 10, SlidingKVHeads: 10, SlidingWindow: 128}
	hostile := gguf.Header{
		ContextLength: math.MaxInt, EmbeddingLength: math.MaxInt, KeyLength: math.MaxInt, ValueLength: math.MaxInt, KVHeads: math.MaxInt64,
		SlidingKVHeads: math.MaxInt64, SlidingWindow: math.MaxInt, VocabSize: math.MaxInt, FileSize: math.MaxInt64,
	}
	negative := gguf.Header{ContextLength: -1, EmbeddingLength: -1, KeyLength: -1, KVHeads: 1, VocabSize: -1, FileSize: -1}
	const compute = 512 * 4 * (128256 + 6*4096)
	tests := []struct {
		name   string
		header gguf.Header
		load   gguf.Load
		want   gguf.Memory
	}{
		{"f16", llama8B, gguf.Load{ContextLength: 8192}, gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: compute}}, // llama.cpp says 1024 MiB
		{"own context", llama8B, gguf.Load{Parallel: 4}, gguf.Memory{Weights: 5 << 30, KVCache: 16 << 30, Compute: compute}},
		{"q8_0 and q4_0", llama8B, gguf.Load{ContextLength: 8192, KeyType: "q8_0", ValueType: "q4_0"},
			gguf.Memory{Weights: 5 << 30, KVCache: (272 + 144) << 20, Compute: compute}},
		{"type not known", llama8B, gguf.Load{ContextLength: 8192, KeyType: "zz", ValueType: "F16"}, gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: compute}},
		{"sliding window", sliding, gguf.Load{ContextLength: 4096, Parallel: 2}, gguf.Memory{KVCache: 10*4096*256 + 10*(128*2+512)*256}},
		{"nothing known", gguf.Header{}, gguf.Load{}, gguf.Memory{}},
		{"huge", hostile, gguf.Load{}, gguf.Memory{Weights: math.MaxInt64, KVCache: math.MaxUint64, Compute: math.MaxUint64}},
		{"negative", negative, gguf.Load{ContextLength: -5, Parallel: -5}, gguf.Memory{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.header.Memory(tt.load)
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got.Total() < max(got.Weights, got.KVCache, got.Compute) {
				t.Errorf("total %d has turned over", got.Total())
			}
		})
	}
}

func TestKVHeads(t *testing.T) {
	model := func(arch string, layers uint32) *file {
		return new(file).text("general.architecture", arch).number(arch+".block_count", layers).
			number(arch+".attention.head_count", 8)
	}
	tests := []struct {
		name          string
		file          *file
		full, sliding int64
	}{
		{"heads without groups", model("llama", 3), 24, 0},
		{"grouped", model("llama", 3).number("llama.attention.head_count_kv", 2), 6, 0},
		{"heads of each layer", model("lfm2", 4).numbers("lfm2.attention.head_count_kv", 0, 4, 0, 2), 6, 0},
		{"window of a known architecture", model("gemma3", 12).number("gemma3.attention.sliding_window", 512), 16, 80},
		{"window of another architecture", model("phi3", 2).number("phi3.attention.sliding_window", 512), 16, 0},
		{"period", model("x", 4).number("x.attention.sliding_window", 9).number("x.attention.sliding_window_pattern", 4), 8, 24},
		{"pattern", model("gemma4", 3).number("gemma4.attention.sliding_window", 9).
			raw("gemma4.attention.sliding_window_pattern", array, append(le64(le32(nil, boolean), 3), 1, 1, 0)), 8, 16},
		{"pattern without window", model("x", 4).number("x.attention.sliding_window_pattern", 4), 32, 0},
		{"recurrent layers between", model("qwen35", 8).number("qwen35.full_attention_interval", 4), 16, 0},
		{"more layers than can be", model("llama", 1<<31-1), 8 * 1024, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.file.bytes()
			h, err := gguf.PeekFrom(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if h.KVHeads != tt.full || h.SlidingKVHeads != tt.sliding {
				t.Errorf("got %d and %d, want %d and %d", h.KVHeads, h.SlidingKVHeads, tt.full, tt.sliding)
			}
		})
	}
}
