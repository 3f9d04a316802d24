package main

import (
	"regexp"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// kinds are what the names of models say surely; the first that matches counts.
// importer-openai has the same.
var kinds = []struct {
	kind string
	name *regexp.Regexp
}{
	{"rerank", regexp.MustCompile(`rerank`)},
	{"embedding", regexp.MustCompile(`embed|^(bge|e5|gte)-`)},
	{"moderation", regexp.MustCompile(`moderation`)},
	{"image", regexp.MustCompile(`^dall-e|(^|-)image(-|$)|^flux|^stable-diffusion`)},
	{"video", regexp.MustCompile(`^sora`)},
	{"audio", regexp.MustCompile(`^whisper|(^|-)(tts|transcribe|realtime)(-|$)|^distil-whisper`)},
	{"completion", regexp.MustCompile(`^(babbage|davinci)-002|^gpt-3\.?5-turbo-instruct`)},
	{"chat", regexp.MustCompile(`^(chat)?gpt-(3|4|5|oss)|^o[1-9](-|$)|^claude-|^gemini-\d|^command-|-(chat|instruct|it)(-|:|$)`)},
}

// kindOf is what a model is for: "chat", "embedding" and so on; empty where its
// name does not say. A fine-tuned model does what its base does.
func kindOf(id string) string {
	name := strings.ToLower(strings.TrimPrefix(id, "ft:"))
	name = name[strings.LastIndexByte(name, '/')+1:]
	for _, k := range kinds {
		if k.name.MatchString(name) {
			return k.kind
		}
	}
	return ""
}

// ofKind are the operations of those kinds of models that one operation is for, or
// a few; nil for chats and for what is not known.
func ofKind(kind, name string) []sdk.Operation {
	switch kind {
	case "embedding":
		return []sdk.Operation{sdk.OpEmbedding}
	case "rerank":
		return []sdk.Operation{sdk.OpRerank}
	case "moderation":
		return []sdk.Operation{sdk.OpModeration}
	case "image":
		return []sdk.Operation{sdk.OpImage}
	case "completion":
		return []sdk.Operation{sdk.OpCompletion}
	case "audio":
		switch name = strings.ToLower(name); {
		case strings.Contains(name, "tts"):
			return []sdk.Operation{sdk.OpSpeech}
		case strings.Contains(name, "transcribe"):
			return []sdk.Operation{sdk.OpTranscription}
		case strings.Contains(name, "whisper"):
			return []sdk.Operation{sdk.OpTranscription, sdk.OpTranslation}
		}
		return []sdk.Operation{sdk.OpSpeech, sdk.OpTranscription, sdk.OpTranslation}
	}
	return nil
}

// offer is what an offered model's file would say.
func (u *upstream) offer(name, kind string) sdk.Manifest {
	m := sdk.Manifest{ID: name, Object: "model", Name: name, OwnedBy: u.row.name, Format: "api",
		Settings: map[string]any{"model": name}, Metadata: map[string]any{"provider": u.row.name}}
	if kind == "" {
		kind = kindOf(name)
	}
	if kind != "" {
		m.Metadata["type"] = kind
	}
	if kind == "embedding" {
		m.Settings["embedding"] = true
	}
	return m
}
