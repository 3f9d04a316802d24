// Command engine-llamacpp is the engine plugin for llama.cpp: it runs one
// llama-server for each model, on a private unix socket.
package main

import "github.com/enginebay/enginebay/sdk"

// version is set by the Makefile.
var version = "0.1.0"

func main() {
	sdk.Serve(sdk.Plugin{Name: "llamacpp", Version: version, Settings: settingsSchema, Engine: &engine{}})
}
