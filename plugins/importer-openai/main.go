// Command importer-openai is the importer plugin for OpenAI, and for every other
// provider with the same API: an account's models become model files of the api
// engine. There are no weights.
package main

import "github.com/enginebay/enginebay/sdk"

var plugin = sdk.Plugin{Name: "openai", Version: "0.1.0", Settings: settingsSchema, Importer: &importer{}}

func main() { sdk.Serve(plugin) }
