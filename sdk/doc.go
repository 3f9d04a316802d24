// Package sdk holds the words of Engine Bay and the contract between its core
// and its plugins: where the author of an engine or an importer begins.
//
// A plugin is a program whose main function is one call:
//
//	func main() { sdk.Serve(sdk.Plugin{Name: "mine", Version: "1.0.0", Engine: &engine{}}) }
//
// An [Engine] loads models, and each [Instance] that it returns answers HTTP as OpenAI's
// API does, at its [Endpoint]: by an [http.Handler] in the plugin, which the SDK serves,
// or at the socket or address of a server that the plugin fronts. An [Importer] turns
// what a person typed into Plans, and the core fetches their files. What more a plugin
// can do is a further method: see [Configurer], [Inspector], [Lister] and [Searcher].
// The core asks for nothing that is not there, and the SDK derives what a plugin says it
// can do from its methods.
//
// Errors of those methods have a [Code] where the core or a user decides upon it, and a
// sentence for the user: see [Errorf].
//
// Serve does what every plugin needs and an author would forget: the handshake, the end
// of the plugin when the core ends, closing instances on SIGTERM, panics and errors as
// coded answers, refusing calls before Configure, and private sockets.
//
// The packages beside it are for parts of the work, and need not be used:
//
//   - sdk/openai reads requests and writes answers, errors and streams in OpenAI's form,
//     for a Handler in the plugin
//   - sdk/process runs the server that an engine fronts, so that none is left behind
//   - sdk/web calls catalogues and other strangers within the operator's bounds
//   - sdk/gguf reads the head of GGUF files, from disk or from far away
//   - sdk/sdktest is the suite that every plugin must pass
//
// sdk/host and sdk/proto are the core's side and the wire; an author in Go needs neither.
//
// "enginebay plugin new engine NAME" makes a whole plugin to begin with.
// TUTORIAL-ENGINE.md goes on from there, and PROTOCOL.md is for other languages than Go.
package sdk
