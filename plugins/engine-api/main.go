// Command engine-api is the engine plugin for remote APIs: a model is a name at a
// service, and the plugin asks the service in its own protocol, with a key that
// never leaves the plugin.
package main

import (
	"io"
	"log"

	"github.com/enginebay/enginebay/sdk"
)

var plugin = sdk.Plugin{Name: "api", Version: "0.1.0", Settings: settingsSchema, Engine: &engine{}}

func main() {
	log.SetOutput(io.Discard) // Google's client puts answers there that it does not understand
	sdk.Serve(plugin)
}
