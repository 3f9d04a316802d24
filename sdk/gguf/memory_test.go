package gguf_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/enginebay/enginebay/sdk/gguf"
)

func TestMemory(t *testing.T) {
	llama8B := gguf.Header{
		ContextLength: 131072, BlockCount: 32, EmbeddingLength: 4096, FeedForward: 14336, HeadCount: 32, KeyLength: 128, ValueLength: 128, KVHeads: 32 * 8,
		VocabSize: 128256, FileSize: 5 << 30,
	}
	sliding := gguf.Header{EmbeddingLength: 1024, KeyLength: 64, ValueLength: 64, KVHeads: 10, SlidingKVHeads: 10, SlidingWindow: 128}
	hostile := gguf.Header{
		ContextLength: math.MaxInt, BlockCount: math.MaxInt, EmbeddingLength: math.MaxInt, FeedForward: math.MaxInt, HeadCount: math.MaxInt, KeyLength: math.MaxInt,
		ValueLength: math.MaxInt, KVHeads: math.MaxInt64, SlidingKVHeads: math.MaxInt64, SlidingWindow: math.MaxInt, VocabSize: math.MaxInt, FileSize: math.MaxInt64,
	}
	negative := gguf.Header{ContextLength: -1, BlockCount: -1, EmbeddingLength: -1, FeedForward: -1, KeyLength: -1, KVHeads: 1, VocabSize: -1, FileSize: -1}
	const (
		words   = 4 * 128256
		numbers = 512 * 4 * (5*4096 + 3*14336)
		mask    = 512 * 2
	)
	tests := []struct {
		name   string
		header gguf.Header
		load   gguf.Load
		want   gguf.Memory
	}{
		{"f16", llama8B, gguf.Load{ContextLength: 8192}, gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: numbers + words + mask*8192}}, // llama.cpp says 1024 MiB
		{"own context", llama8B, gguf.Load{Parallel: 4}, gguf.Memory{Weights: 5 << 30, KVCache: 16 << 30, Compute: numbers + 4*words + mask*131072}},
		{"q8_0 and q4_0", llama8B, gguf.Load{ContextLength: 8192, KeyType: "q8_0", ValueType: "q4_0"},
			gguf.Memory{Weights: 5 << 30, KVCache: (272 + 144) << 20, Compute: numbers + words + mask*8192}},
		{"type not known", llama8B, gguf.Load{ContextLength: 8192, KeyType: "zz", ValueType: "F16"},
			gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: numbers + words + mask*8192}},
		{"smaller batch", llama8B, gguf.Load{ContextLength: 8192, Batch: 128}, gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: numbers/4 + words + mask/4*8192}},
		{"plain attention", llama8B, gguf.Load{ContextLength: 8192, PlainAttention: true},
			gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: 512*4*(5*4096+32*8192) + 2*mask*8192}},
		{"all on a GPU", llama8B, gguf.Load{ContextLength: 8192, GPULayers: 100000},
			gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: numbers + words + 2*mask*8192, GPU: 6<<30 + numbers + words + 2*mask*8192}},
		{"a third on a GPU", llama8B, gguf.Load{ContextLength: 8192, GPULayers: 11},
			gguf.Memory{Weights: 5 << 30, KVCache: 1 << 30, Compute: numbers + words + 2*mask*8192, GPU: 5<<30/3 + 10<<30/32 + numbers + words + 2*mask*8192}},
		{"sliding window", sliding, gguf.Load{ContextLength: 4096, Parallel: 2}, gguf.Memory{KVCache: 10*4096*256 + 10*(128*2+512)*256,
			Compute: 512*4*5*1024 + mask*4096 + mask*(128*2+512)}},
		{"nothing known", gguf.Header{}, gguf.Load{}, gguf.Memory{}},
		{"huge", hostile, gguf.Load{GPULayers: math.MaxInt}, gguf.Memory{Weights: math.MaxInt64, KVCache: math.MaxUint64, Compute: math.MaxUint64, GPU: math.MaxUint64}},
		{"negative", negative, gguf.Load{ContextLength: -5, Parallel: -5, Batch: -5, GPULayers: -5}, gguf.Memory{}},
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

func TestFeedForward(t *testing.T) {
	model := func() *file { return new(file).text("general.architecture", "x") }
	for name, tt := range map[string]struct {
		file *file
		want int
	}{
		"dense":                  {model().number("x.feed_forward_length", 100), 100},
		"of each layer":          {model().numbers("x.feed_forward_length", 10, 30, 20), 30},
		"experts":                {model().number("x.feed_forward_length", 100).number("x.expert_used_count", 2), 200},
		"experts of their own":   {model().number("x.feed_forward_length", 100).number("x.expert_feed_forward_length", 30).number("x.expert_used_count", 8), 240},
		"small experts":          {model().number("x.feed_forward_length", 100).number("x.expert_feed_forward_length", 30).number("x.expert_used_count", 2), 100},
		"more than there can be": {model().number("x.feed_forward_length", 1<<30).number("x.expert_used_count", 1<<30), 1 << 30},
		"nothing of the kind":    {model(), 0},
	} {
		b := tt.file.bytes()
		if h, err := gguf.PeekFrom(bytes.NewReader(b), int64(len(b))); err != nil || h.FeedForward != tt.want {
			t.Errorf("%s: %d, %v; want %d", name, h.FeedForward, err, tt.want)
		}
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
