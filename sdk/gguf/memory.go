package gguf

import (
	"math"
	"strings"
)

// Load says how a model is going to be loaded, as far as that decides upon memory.
type Load struct {
	ContextLength  int    // tokens in the cache, all slots together (llama-server -c); 0: what the model was trained for
	Parallel       int    // slots (-np); 0 means 1
	Batch          int    // tokens that are computed at once (-ub); 0 means 512
	KeyType        string // type of cached keys (-ctk), as "q8_0"; empty or not known: "f16"
	ValueType      string // type of cached values (-ctv), the same way
	PlainAttention bool   // without flash attention (-fa off)
	GPULayers      int    // layers on GPUs (-ngl): one is the output, the others are the last of BlockCount
}

// Memory is an estimate in bytes of what a loaded model takes, over all devices.
type Memory struct {
	Weights uint64 // the file; a split model needs FileSize set to the sum of its parts first
	KVCache uint64
	Compute uint64 // scratch space: the least certain part
	GPU     uint64 // how much of these three lies on GPUs
}

// Total is the sum; it stops at the largest number.
func (m Memory) Total() uint64 { return add(m.Weights, add(m.KVCache, m.Compute)) }

const (
	defaultContext = 2048 // where neither the caller nor the model says one
	defaultBatch   = 512
)

// Memory estimates what the model takes when it is loaded. With bytes(f16) = 2, bytes(q8_0) = 34/32 and so on:
//
//	Weights = FileSize
//	full    = ctx, sliding = min(ctx, SlidingWindow × parallel + batch): cells of a layer's cache
//	KVCache = (KVHeads × full + SlidingKVHeads × sliding) × (KeyLength × bytes(keyType) + ValueLength × bytes(valueType))
//	Compute = batch × 2 × (full + sliding, where there are such layers)              the mask of attention
//	        + batch × 4 × (5 × EmbeddingLength + 3 × FeedForward + parallel/batch × VocabSize)
//
// Without flash attention the mask takes twice as much, and the scores another batch × 4 × HeadCount × full. A GPU has the
// mask a second time. Measured with llama-server b11669 and models of random weights, from 1 to 90 MB, of 2 to 12 layers, dense, with
// experts and with sliding windows, in contexts of 2k to 32k: see engine-llamacpp/memory_test.go. Some processors hold
// quantized weights in a form of their own, which takes up to a tenth more (AMX); that is not counted.
//
// Fields that are zero count as nothing. The state of recurrent layers (a few MiB) is left out; layers that share a cache
// count as if each had its own.
func (h *Header) Memory(load Load) Memory {
	m := Memory{Weights: uint64(max(0, h.FileSize)), KVCache: h.cache(load), Compute: h.compute(load)}
	if load.GPULayers > 0 && h.BlockCount > 0 {
		all := float64(h.BlockCount)
		layers := min(float64(load.GPULayers), all+1)
		m.GPU = whole(float64(m.Weights)*layers/(all+1) + float64(m.KVCache)*(layers-1)/all + float64(m.Compute))
	}
	return m
}

// cells are those of the caches of a layer that sees all, and of one with a sliding window.
func (h *Header) cells(load Load) (full, sliding float64) {
	full = float64(firstPositive(load.ContextLength, h.ContextLength, defaultContext))
	return full, min(full, float64(h.SlidingWindow)*float64(max(1, load.Parallel))+float64(firstPositive(load.Batch, defaultBatch)))
}

func (h *Header) cache(load Load) uint64 {
	full, sliding := h.cells(load)
	cells := float64(h.KVHeads)*full + float64(h.SlidingKVHeads)*sliding
	return whole(cells * (float64(h.KeyLength)*bytesPerNumber(load.KeyType) + float64(h.ValueLength)*bytesPerNumber(load.ValueType)))
}

func (h *Header) compute(load Load) uint64 {
	if h.EmbeddingLength <= 0 {
		return 0
	}
	full, sliding := h.cells(load)
	batch := float64(firstPositive(load.Batch, defaultBatch))
	mask := batch * 2 * full
	if h.SlidingKVHeads > 0 {
		mask += batch * 2 * sliding
	}
	numbers := batch*(5*float64(h.EmbeddingLength)+3*float64(h.FeedForward)) + float64(max(1, load.Parallel))*float64(max(0, h.VocabSize))
	if load.PlainAttention {
		mask *= 2
		numbers = batch * (5*float64(h.EmbeddingLength) + max(3*float64(h.FeedForward), float64(h.HeadCount)*full))
	}
	if load.GPULayers > 0 {
		mask *= 2
	}
	return whole(mask + 4*numbers)
}

func firstPositive(numbers ...int) int {
	for _, n := range numbers {
		if n > 0 {
			return n
		}
	}
	return 0
}

func bytesPerNumber(name string) float64 {
	for _, t := range tensorTypes {
		if t.name != "" && strings.EqualFold(t.name, name) {
			return float64(t.bytes) / float64(t.block)
		}
	}
	return 2 // f16
}

// whole keeps a number of bytes within what uint64 holds; a float64 has room for every product here.
func whole(bytes float64) uint64 {
	switch {
	case !(bytes > 0):
		return 0
	case bytes >= math.MaxUint64:
		return math.MaxUint64
	}
	return uint64(bytes)
}
