// Package packages knows what a plugin's package is: one tree of files, as a
// folder, as a .tar.zst and as the layer of an OCI artifact.
//
//	plugin.json           the manifest
//	settings.schema.json  the JSON Schema of its settings, as the program gives it; may be missing
//	bin/NAME  libs/…      the program, and what comes along
//	licences/…  README.md
//	SHA256SUMS            every other file but the signature, sorted by path
//	SHA256SUMS.minisig    the publisher's signature over SHA256SUMS
//
// The hash of SHA256SUMS is the package's digest: the same in every form, signed
// or not. A folder without SHA256SUMS is loose: a plugin that somebody works on, or
// has put in place by hand. [Open] checks a folder that is not.
//
// Whatever a package says is held to be hostile.
package packages
