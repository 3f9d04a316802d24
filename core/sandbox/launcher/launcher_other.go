//go:build !linux || (!amd64 && !arm64)

// Package launcher does nothing here: it confines plugins on Linux.
package launcher
