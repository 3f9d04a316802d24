package store

// WriteManifest is the canonical form of a manifest.
var WriteManifest = writeManifest
