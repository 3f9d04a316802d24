// Package registry knows where plugins can be had.
//
// A registry is a static file, index.json, and its signature beside it,
// index.json.minisig: over https, in a folder, or under a tag of an OCI registry.
// The index says which plugins there are, who publishes them and with which keys, and
// of each version the archives with their hashes; so whoever serves the bytes can
// change none of them.
//
// An index has a serial that only rises and a day on which it expires, so that an old
// one, kept back by somebody, does not count for long. The last good one of each
// registry is kept, and counts while the registry cannot be reached.
//
// One version of a plugin may have several variants for a platform; [Choose] finds
// the one that fits a [Machine] best and says why.
package registry
