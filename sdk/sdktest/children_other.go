//go:build !linux

package sdktest

// child is a process. Only Linux shows the family of one.
type child struct{}

func (child) alive() bool { return false }

func (child) kill() {}

func (child) command() string { return "" }

func (child) String() string { return "" }

func command(int) string { return "" }

func descendants(int) []child { return nil }

func used(int) usage { return usage{} }
