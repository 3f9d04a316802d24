package main

import (
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

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
		kind = sdk.ModelType(name)
	}
	if kind != "" {
		m.Metadata["type"] = kind
	}
	if kind == "embedding" {
		m.Settings["embedding"] = true
	}
	return m
}
