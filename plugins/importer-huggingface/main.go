// Command importer-huggingface is the importer plugin for Hugging Face: it turns
// repositories of models into plans, one for each quantization.
package main

import "github.com/enginebay/enginebay/sdk"

var plugin = sdk.Plugin{Name: "huggingface", Version: "0.1.0", Settings: settingsSchema, Importer: &importer{}}

func main() { sdk.Serve(plugin) }
