package main

import (
	"strconv"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/gguf"
)

// arguments are what llama-server is started with.
func arguments(m sdk.Model, h *gguf.Header, s settings, socket, template string) []string {
	args := []string{
		"--model", m.Files[0],
		"--alias", m.ID,
		"--host", socket,
		"--offline", "--no-webui",
		// Fewer HTTP threads than idle keep-alive connections stall requests for
		// seconds (measured on b11669: 8 at once after one other, 3 s).
		"--threads-http", "64",
		"-c", strconv.Itoa(s.CtxLen),
		"-np", strconv.Itoa(s.NParallel), "--kv-unified",
		"-t", strconv.Itoa(s.CPUThreads),
		"-fa", string(s.FlashAttn),
		"--jinja",
	}
	if s.NGL != nil && *s.NGL >= 0 {
		args = append(args, "-ngl", strconv.Itoa(*s.NGL))
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
		args = append(args, "--embedding")
		if s.Pooling != "" {
			args = append(args, "--pooling", s.Pooling)
		}
	}
	return append(args, s.ExtraArgs...)
}

func vision(m sdk.Model, s settings) bool {
	return m.MMProj != "" && (s.VisionModel == nil || *s.VisionModel)
}

// operations are what a model answers once it is loaded.
func operations(h *gguf.Header, s settings) []sdk.Operation {
	switch {
	case h.Rerank:
		return []sdk.Operation{sdk.OpRerank, sdk.OpTokenize}
	case h.Embedding:
		return []sdk.Operation{sdk.OpEmbedding, sdk.OpTokenize}
	}
	ops := []sdk.Operation{sdk.OpChat, sdk.OpCompletion, sdk.OpResponses, sdk.OpMessages, sdk.OpTokenize}
	if s.Embedding {
		ops = append(ops, sdk.OpEmbedding)
	}
	return ops
}

// checkExtraArgs refuses what must not be set from outside.
func checkExtraArgs(args []string) error {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if !strings.HasPrefix(name, "-") {
			continue
		}
		if reason, denied := deniedArgs[name]; denied {
			return sdk.Errorf(sdk.CodeInvalid, "extra_args: %s is not allowed: %s", name, reason)
		}
	}
	return nil
}
