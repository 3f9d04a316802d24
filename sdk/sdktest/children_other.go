//go:build !linux

package sdktest

// child is a process. Only Linux shows the family of one.
type child struct{}

func (child) alive() bool { return false }

func (child) kill() {}

func descendants(int) []child { return nil }
