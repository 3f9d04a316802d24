package sdk_test

import (
	"strings"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

func TestModelType(t *testing.T) {
	for want, names := range map[string]string{
		"chat": "gpt-4o gpt-4.1-mini gpt-5 gpt-3.5-turbo gpt-35-turbo gpt-oss-20b o1 o3-mini o4-mini-2025-04-16 chatgpt-4o-latest ft:gpt-4o-mini:acme::x " +
			"meta-llama/Llama-3-8B-Instruct qwen-7b-chat gemma-2-9b-it claude-sonnet-5 models/gemini-3-pro command-r",
		"embedding":  "text-embedding-3-large text-embedding-ada-002 nomic-embed-text bge-m3",
		"rerank":     "rerank-v3.5 bge-reranker-base",
		"image":      "dall-e-3 gpt-image-1 flux-schnell",
		"audio":      "whisper-1 distil-whisper-large tts-1-hd gpt-4o-mini-tts gpt-4o-transcribe gpt-4o-realtime-preview",
		"moderation": "omni-moderation-latest",
		"completion": "davinci-002 gpt-3.5-turbo-instruct gpt-35-turbo-instruct",
		"video":      "sora-2",
		"":           "llama-3-8b mixtral-8x7b orca o-1 kobold",
	} {
		for name := range strings.FieldsSeq(names) {
			if got := sdk.ModelType(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}
