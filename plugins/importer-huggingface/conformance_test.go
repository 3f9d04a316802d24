package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/enginebay/enginebay/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	h := startHub(t, repos{
		"acme/tiny-GGUF/tiny-Q4_K_M.gguf": model("llama"),
		"acme/tiny-GGUF/tiny-Q8_0.gguf":   model("llama"),
		"acme/tiny-GGUF/mmproj-F16.gguf":  model("clip"),
		"acme/tiny-GGUF/README.md":        "# tiny",
	})
	c := sdktest.ImporterCase{
		Settings: json.RawMessage(fmt.Sprintf(`{"endpoint": %q}`, h.url)),
		Secrets:  map[string]string{"token": token},
		Ref:      "hf://acme/tiny-GGUF",
		Missing:  "hf://acme/large-GGUF",
		Bad:      "hf://acme/../tiny-GGUF",
		Words:    "tiny",
	}
	t.Run("in process", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Plugin: plugin}, c) })
	t.Run("program", func(t *testing.T) { sdktest.Importer(t, sdktest.Subject{Path: program}, c) })
}
