// Package host is the core's half of the contract: it starts a plugin's program and
// calls it. It is for the core, and for the conformance suite; the author of a plugin
// needs nothing of it.
//
// [Start] runs a program and connects to it; a [Conn] is then an Engine and an
// Importer that live in that process, with the types of package sdk.
package host
