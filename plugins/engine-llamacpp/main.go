// Command engine-llamacpp is the engine plugin for llama.cpp: it runs one
// llama-server for each model, on a private unix socket.
package main

import "github.com/enginebay/enginebay/sdk"

var plugin = sdk.Plugin{Name: "llamacpp", Version: "0.1.0", Settings: settingsSchema, Engine: &engine{}}

func main() { sdk.Serve(plugin) }
