//go:build !darwin

package system

// release is asked of macOS only.
func release() string { return "" }
