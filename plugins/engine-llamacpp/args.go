package main

import (
	"strconv"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// arguments are what llama-server is started with.
func arguments(b build, m sdk.Model, h *gguf.Header, s settings, socket, template string) []string {
	args := []string{
		"--model", m.Files[0],
		"--alias", m.ID,
		"--host", socket,
		"--offline", "--no-webui", "--no-slots",
		"--log-colors", "off",
		"--cache-ram", "512", // MiB of prompts kept; 8 GiB by default
		// A ping is what notices a client that left while its prompt is computed.
		"--sse-ping-interval", "1",
		// Fewer HTTP threads than idle keep-alive connections stall requests for
		// seconds (measured on b11669: 8 at once after one other, 3 s).
		"--threads-http", "64",
		"-c", strconv.Itoa(contextLength(h, s)),
		"-np", strconv.Itoa(s.NParallel), "--kv-unified",
		"-t", strconv.Itoa(s.CPUThreads),
		"-fa", string(s.FlashAttn),
		"--jinja",
	}
	args = append(args, s.offload.arguments()...)
	args = append(args, b.loading(s)...)
	if b.trace {
		args = append(args, "--verbosity", "4")
	}
	if s.ContBatching != nil && !*s.ContBatching {
		args = append(args, "--no-cont-batching")
	}
	if s.CacheTypeK != "" {
		args = append(args, "-ctk", s.CacheTypeK)
	}
	if s.CacheTypeV != "" {
		args = append(args, "-ctv", s.CacheTypeV)
	}
	if vision(m, s) {
		args = append(args, "--mmproj", m.MMProj)
	}
	if template != "" {
		args = append(args, "--chat-template-file", template)
	}
	switch {
	case h.Rerank:
		args = append(args, "--rerank")
	case h.Embedding || s.Embedding:
		// Without a pooling type a chat model with --embedding ends with a
		// segmentation fault at the first chat (measured on b11669).
		// A text must fit into one batch.
		batch := strconv.Itoa(contextLength(h, s))
		args = append(args, "--embedding", "-b", batch, "-ub", batch)
		if s.Pooling != "" {
			args = append(args, "--pooling", s.Pooling)
		}
	default:
		args = append(args, batches(s)...)
	}
	return append(args, s.ExtraArgs...)
}

// batches are how many tokens are taken at once.
func batches(s settings) []string {
	var args []string
	if s.NBatch > 0 {
		args = append(args, "-b", strconv.Itoa(s.NBatch))
	}
	if s.NUBatch > 0 {
		args = append(args, "-ub", strconv.Itoa(s.NUBatch))
	}
	return args
}

// contextLength is ctx_len as far as the model can use it: llama-server would take
// the memory for more all the same.
func contextLength(h *gguf.Header, s settings) int {
	if h.ContextLength == 0 {
		return s.CtxLen
	}
	return min(s.CtxLen, h.ContextLength*s.NParallel)
}

// requestLength is how many tokens one request may have, with those of its answer:
// the cache is one for all slots (--kv-unified), and llama-server bounds a slot by
// what the model was trained for (measured on b11669: -c 1024 -np 4 is 1024 for each).
func requestLength(h *gguf.Header, s settings) int {
	if h.ContextLength == 0 {
		return s.CtxLen
	}
	return min(s.CtxLen, h.ContextLength)
}

func vision(m sdk.Model, s settings) bool {
	return m.MMProj != "" && (s.VisionModel == nil || *s.VisionModel)
}

// operations are what a model answers once it is loaded.
func operations(h *gguf.Header, s settings) []sdk.Operation {
	ops := []sdk.Operation{sdk.OpTokenize, sdk.OpDetokenize}
	switch {
	case h.Rerank:
		return append([]sdk.Operation{sdk.OpRerank}, ops...)
	case h.Embedding:
		return append([]sdk.Operation{sdk.OpEmbedding}, ops...)
	}
	ops = append([]sdk.Operation{sdk.OpChat, sdk.OpCompletion, sdk.OpResponses, sdk.OpMessages, sdk.OpCountTokens}, ops...)
	if s.Embedding {
		ops = append(ops, sdk.OpEmbedding)
	}
	return ops
}
