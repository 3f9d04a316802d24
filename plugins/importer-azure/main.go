// Command importer-azure is the importer plugin for Azure OpenAI: the
// deployments of a resource become model files of the api engine. There are no
// weights.
package main

import "github.com/enginebay/enginebay/sdk"

var plugin = sdk.Plugin{Name: "azure", Version: "0.1.0", Settings: settingsSchema, Importer: &importer{}}

func main() { sdk.Serve(plugin) }
