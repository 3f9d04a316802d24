package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/sdktest"
)

// TestConformance asks a small service; the model's name there is its own, so that
// the answers name it.
func TestConformance(t *testing.T) {
	s := newService(t)
	c := sdktest.Case{
		Model: sdk.Model{ID: "remote", Dir: t.TempDir(), Manifest: sdk.Manifest{Format: "api"}},
		Settings: json.RawMessage(fmt.Sprintf(`{"provider": "vllm", "base_url": "%s/v1", "operations": ["chat/completions", "completions", "embeddings",
			"responses", "messages", "rerank", "audio/speech", "audio/transcriptions", "audio/translations", "images/generations", "moderations"]}`, s.URL)),
		Secrets:     map[string]string{"api_key": key},
		BadSettings: json.RawMessage(`{"operations": ["everything"]}`),
		Foreign:     sdk.Model{ID: "foreign", Dir: t.TempDir(), Files: []string{"/nowhere/model.gguf"}},
	}
	t.Run("in process", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Plugin: plugin}, c) })
	t.Run("program", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Path: binary}, c) })
	az := c
	az.Settings = json.RawMessage(fmt.Sprintf(`{"provider": "azure", "base_url": "%s/v1/openai", "api_version": "2025-04-01-preview"}`, s.URL))
	t.Run("azure", func(t *testing.T) { sdktest.Engine(t, sdktest.Subject{Plugin: plugin}, az) })
}
