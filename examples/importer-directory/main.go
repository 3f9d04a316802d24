// Command importer-directory is a first importer to copy: its catalogue is a
// folder on a web server, with an index.json that says which models lie there.
package main

import "github.com/enginebay/enginebay/sdk"

var plugin = sdk.Plugin{Name: "directory", Version: "0.1.0", Settings: settingsSchema, Importer: &importer{}}

func main() { sdk.Serve(plugin) }
