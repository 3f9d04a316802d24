//go:build !linux

package databasetest

import "os/exec"

// asAnother: root is for Linux, in containers.
func asAnother(*exec.Cmd, string) error { return nil }
