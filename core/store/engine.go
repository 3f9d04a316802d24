package store

import (
	"slices"
	"strings"
)

// nameEngine gives the engine its name of today. A provider of a remote API
// was an engine of its own once; its name stays in metadata.provider.
func (d *draft) nameEngine() {
	written, ok := d.root["engine"].(string)
	if !ok {
		return
	}
	engine := EngineName(written)
	d.root["engine"] = engine
	if provider := strings.ToLower(written); engine == "api" && provider != "api" && d.at("/metadata/provider") == nil {
		d.set("/metadata/provider", provider)
		d.origin["/metadata/provider"] = d.inFile("/engine")
	}
}

// olderNames are those that an engine has had (facts/model-shapes.md 1.3, 1.8).
var olderNames = map[string][]string{
	"llamacpp": {"nitro", "llama.cpp", "llama-cpp", "cortex.llamacpp", "cortex"},
	"tensorrt": {"triton_trtllm", "triton-trtllm", "triton_tensorrtllm", "tensorrt-llm", "tensorrtllm", "tensorrt_llm",
		"nitro-tensorrt-llm", "cortex.tensorrt-llm"},
	"api": {"openai", "azure", "azure_openai", "groq", "anthropic", "mistral", "martian", "openrouter", "cohere", "nvidia"},
}

// EngineName returns the name that an engine has today. What is not an older name is
// that of somebody's plugin.
func EngineName(written string) string {
	lower := strings.ToLower(written)
	for name, older := range olderNames {
		if lower == name || slices.Contains(older, lower) {
			return name
		}
	}
	return written
}

// OlderEngineNames returns those that an engine has had.
func OlderEngineNames(engine string) []string { return olderNames[engine] }

// nameFormat writes formats as the weights' own tools do: "ggufv3" is gguf.
func (d *draft) nameFormat() {
	written, ok := d.root["format"].(string)
	if !ok {
		return
	}
	format := strings.ToLower(written)
	if strings.HasPrefix(format, "ggufv") {
		format = "gguf"
	}
	d.root["format"] = format
}
