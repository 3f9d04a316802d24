package gguf

import (
	"slices"
	"strings"
)

// header makes a Header of what the walk has found so far.
func (w *walker) header() *Header {
	h := &Header{
		Architecture: w.textOf("general.architecture"),
		Name:         w.textOf("general.name"),
		ChatTemplate: w.textOf("tokenizer.chat_template"),
		SplitNo:      w.count("split.no"),
		SplitCount:   w.count("split.count"),
		Parameters:   w.parameters,
		Quantization: w.quantization(),
		FileSize:     w.size,
	}
	arch := h.Architecture + "."
	h.ContextLength = w.count(arch + "context_length")
	h.BlockCount = w.count(arch + "block_count")
	h.EmbeddingLength = w.count(arch + "embedding_length")
	h.FeedForward = w.feedForward(arch)
	h.VocabSize = w.count(arch + "vocab_size")
	if h.VocabSize == 0 && w.tokens < 1<<31 {
		h.VocabSize = int(w.tokens)
	}
	w.purpose(h, arch)
	w.attention(h, arch+"attention.")
	w.layers(h, arch)
	return h
}

// feedForward is a width that scratch space is needed for; a product that makes no sense is zero.
func (w *walker) feedForward(arch string) int {
	dense, expert := w.count(arch+"feed_forward_length"), w.count(arch+"expert_feed_forward_length")
	if expert == 0 {
		expert = dense
	}
	n := int64(expert) * int64(w.count(arch+"expert_used_count"))
	if n >= 1<<31 {
		n = 0
	}
	return max(dense, int(n))
}

// textOf is the text of a key, made fit for JSON and protobuf, which take valid UTF-8 only.
func (w *walker) textOf(key string) string { return strings.ToValidUTF8(w.values[key].text, "\uFFFD") }

// count is the number of a key, or the largest of its list; zero where there is none.
func (w *walker) count(key string) int {
	v := w.values[key]
	if len(v.list) > 0 {
		return max(0, int(slices.Max(v.list)))
	}
	return max(0, v.number)
}

func (w *walker) purpose(h *Header, arch string) {
	h.IsMMProj = h.Architecture == "clip" || w.values["general.type"].text == "mmproj"
	pooling, pools := w.values[arch+"pooling_type"]
	if pools && pooling.number >= 0 && pooling.number < len(poolings) {
		h.Pooling = poolings[pooling.number]
	}
	h.Rerank = h.Pooling == "rank"
	h.Embedding = !h.Rerank && (h.Pooling != "" || embeddingModels[h.Architecture])
}

func (w *walker) quantization() string {
	if v, ok := w.values["general.file_type"]; ok {
		if t := v.number &^ fileTypeGuessed; t >= 0 && t < len(fileTypes) && fileTypes[t] != "" {
			return fileTypes[t]
		}
	}
	most := 0
	for t, n := range w.perType {
		if n > w.perType[most] {
			most = t
		}
	}
	if w.perType[most] == 0 {
		return ""
	}
	return tensorTypes[most].name
}

func (w *walker) attention(h *Header, attention string) {
	h.HeadCount = w.count(attention + "head_count")
	h.HeadCountKV = w.count(attention + "head_count_kv")
	if _, ok := w.values[attention+"head_count_kv"]; !ok {
		h.HeadCountKV = h.HeadCount
	}
	h.KeyLength = w.count(attention + "key_length")
	h.ValueLength = w.count(attention + "value_length")
	if h.HeadCount > 0 && h.KeyLength == 0 {
		h.KeyLength = h.EmbeddingLength / h.HeadCount
	}
	if h.HeadCount > 0 && h.ValueLength == 0 {
		h.ValueLength = h.EmbeddingLength / h.HeadCount
	}
	h.SlidingWindow = w.count(attention + "sliding_window")
}

// layers sums the heads that cache keys and values, layer by layer.
func (w *walker) layers(h *Header, arch string) {
	heads := w.values[arch+"attention.head_count_kv"].list
	interval := w.count(arch + "full_attention_interval") // the layers between are recurrent and cache nothing
	for layer := range min(h.BlockCount, maxLayers) {
		n := int64(h.HeadCountKV)
		if len(heads) > 0 {
			n = int64(max(0, heads[layer%len(heads)]))
		}
		switch {
		case interval > 1 && (layer+1)%interval != 0:
		case h.SlidingWindow > 0 && w.slides(h, arch, layer):
			h.SlidingKVHeads += n
		default:
			h.KVHeads += n
		}
	}
}

// slides says whether a layer sees only the sliding window. The pattern is a list with one entry for each layer, or a
// period, of which the last layer sees all.
func (w *walker) slides(h *Header, arch string, layer int) bool {
	pattern, ok := w.values[arch+"attention.sliding_window_pattern"]
	period := slidingPeriods[h.Architecture]
	if len(pattern.list) > 0 {
		return pattern.list[layer%len(pattern.list)] > 0
	}
	if ok && pattern.number >= 0 {
		period = pattern.number
	}
	return period > 1 && (layer+1)%period != 0
}
