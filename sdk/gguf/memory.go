package gguf

import (
	"math"
	"strings"
)

// Load says how a model is going to be loaded, as far as that decides upon memory.
type Load struct {
	ContextLength int    // tokens in the cache, all slots together (llama-server -c); 0: what the model was trained for
	Parallel      int    // slots (-np); 0 means 1
	KeyType       string // type of cached keys (-ctk), as "q8_0"; empty or not known: "f16"
	ValueType     string // type of cached values (-ctv), the same way
}

// Memory is an estimate in bytes of what a loaded model takes, over all devices.
type Memory struct {
	Weights uint64 // the file; a split model needs FileSize set to the sum of its parts first
	KVCache uint64
	Compute uint64 // scratch space: the least certain part
}

// Total is the sum; it stops at the largest number.
func (m Memory) Total() uint64 { return add(m.Weights, add(m.KVCache, m.Compute)) }

const (
	defaultContext = 2048 // where neither the caller nor the model says one
	batch          = 512  // tokens that llama.cpp computes at once (-ub)
)

// Memory estimates what the model takes when it is loaded. With bytes(f16) = 2, bytes(q8_0) = 34/32 and so on:
//
//	Weights = FileSize
//	KVCache = (KVHeads × ctx + SlidingKVHeads × min(ctx, SlidingWindow × parallel + 512))
//	          × (KeyLength × bytes(keyType) + ValueLength × bytes(valueType))
//	Compute = 512 × 4 × (VocabSize + 6 × EmbeddingLength)
//
// Fields that are zero count as nothing. The state of recurrent layers (a few MiB) is left out; layers that share a cache
// count as if each had its own.
func (h *Header) Memory(load Load) Memory {
	ctx := float64(firstPositive(load.ContextLength, h.ContextLength, defaultContext))
	window := min(ctx, float64(h.SlidingWindow)*float64(max(1, load.Parallel))+batch)
	cells := float64(h.KVHeads)*ctx + float64(h.SlidingKVHeads)*window
	cell := float64(h.KeyLength)*bytesPerNumber(load.KeyType) + float64(h.ValueLength)*bytesPerNumber(load.ValueType)
	return Memory{
		Weights: uint64(max(0, h.FileSize)),
		KVCache: whole(cells * cell),
		Compute: whole(batch * 4 * (float64(h.VocabSize) + 6*float64(h.EmbeddingLength))),
	}
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
