//go:build linux && (amd64 || arm64)

package sandbox

// PrepareOn is Prepare on a machine that can do less.
var PrepareOn = prepare
