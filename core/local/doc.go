// Package local brings in models that are on this machine already, or come in from
// outside without an importer: files, folders, zips, uploads, and what the stores of
// other tools hold (Ollama, LM Studio, the Hugging Face cache, Jan).
//
// [Resolve] finds what a ref means and writes nothing. [Import] makes models of it:
// linked where they lie, copied or moved. [Upload] takes a stream.
//
//	/path, ~/path, file:///path     a GGUF file with its parts and projector, a folder, a zip
//	ollama://[NAME[:TAG]]
//	lmstudio://[OWNER/REPO[/FILE]]
//	hfcache://[OWNER/REPO[/FILE]]
//	jan://local[/ID]
package local
