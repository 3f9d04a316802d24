// Package sdk holds the words of Engine Bay and the contract between its core
// and its plugins: all that the author of an engine or importer imports.
//
// A plugin is a program whose main function is one call:
//
//	func main() { sdk.Serve(sdk.Plugin{Name: "mine", Version: "1.0.0", Engine: &engine{}}) }
//
// Serve does what every plugin needs and an author would forget: the handshake,
// the end of the plugin when the core ends, closing instances on SIGTERM, panics
// and errors as coded answers, and serving an [http.Handler] on a private socket.
//
// Beside it, sdk/process runs the server that an engine fronts, sdk/gguf reads the
// head of GGUF files within bounds (the core, engines and importers all need it,
// and plugins see nothing but sdk), sdk/web calls catalogues and other strangers
// within the operator's bounds, and sdk/sdktest is the suite that every plugin
// must pass.
//
// The core holds the same types: a Conn of sdk/host is an Engine and an Importer that
// live in another process.
package sdk
