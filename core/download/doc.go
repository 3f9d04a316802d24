// Package download fetches the files of a model, and survives whatever happens
// meanwhile.
//
// A file is fetched into a hidden partial beside its target, over several
// connections at once where the server can do that. A journal beside the partial
// says which bytes of it are safe: it is replaced in one step, and never claims a
// byte that the disk has not confirmed. So a cut network, a killed process, a
// power cut or a full disk cost what came in the last second, and the next Fetch
// goes on from there. Size, SHA-256 and the caller's own check come before the
// rename; the target is whole or not there.
//
//	models/NAME/model.gguf             the target
//	models/NAME/.model.gguf.part       the partial, sparse
//	models/NAME/.model.gguf.part.json  the journal
//
// What a server says is not believed: an answer with another start, length,
// version or kind than was asked for is no part of the file. Addresses, tokens and
// redirects are looked after by sdk/web.
//
// One process at a time may fetch into a folder; within it, two calls for the same
// target wait for each other.
package download
