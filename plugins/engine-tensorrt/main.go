// Command engine-tensorrt is the engine plugin for TensorRT-LLM: it runs one
// trtllm-serve for each model, or answers with a trtllm-serve or a Triton Inference
// Server that runs elsewhere.
package main

import "github.com/enginebay/enginebay/sdk"

var plugin = sdk.Plugin{Name: "tensorrt", Version: "0.1.0", Settings: settingsSchema, Engine: newEngine()}

func main() {
	if asRenderer() {
		return
	}
	sdk.Serve(plugin)
}
