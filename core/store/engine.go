package store

import "strings"

// nameEngine gives the engine its name of today. A provider of a remote API
// was an engine of its own once; its name stays in metadata.provider.
func (d *draft) nameEngine() {
	written, ok := d.root["engine"].(string)
	if !ok {
		return
	}
	engine := engineName(written)
	d.root["engine"] = engine
	if provider := strings.ToLower(written); engine == "api" && provider != "api" && d.at("/metadata/provider") == nil {
		d.set("/metadata/provider", provider)
		d.origin["/metadata/provider"] = d.inFile("/engine")
	}
}

// engineName returns the canonical name of an engine (facts/model-shapes.md
// 1.3, 1.8). What is not an older name is the name of somebody's plugin.
func engineName(written string) string {
	switch strings.ToLower(written) {
	case "llamacpp", "nitro", "llama.cpp", "llama-cpp", "cortex.llamacpp", "cortex":
		return "llamacpp"
	case "tensorrt", "triton_trtllm", "triton-trtllm", "triton_tensorrtllm", "tensorrt-llm", "tensorrtllm",
		"tensorrt_llm", "nitro-tensorrt-llm", "cortex.tensorrt-llm":
		return "tensorrt"
	case "api", "openai", "azure", "azure_openai", "groq", "anthropic", "mistral", "martian", "openrouter", "cohere", "nvidia":
		return "api"
	}
	return written
}

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
