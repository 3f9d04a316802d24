// Command engine-echo is the fake engine of the tests and a first engine to
// copy: it answers with the words that it was asked, and has knobs for whatever
// can go wrong in a plugin (settings.go).
package main

import "github.com/enginebay/enginebay/sdk"

// version is another one in the tests of upgrades: -ldflags "-X main.version=0.2.0".
var version = "0.1.0"

var plugin = sdk.Plugin{Name: "echo", Version: version, Settings: settingsSchema, Engine: &engine{}}

func main() {
	misbehaveEarly()
	sdk.Serve(plugin)
}
