//go:build !windows

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// detach gives a program a session of its own: neither Ctrl-C nor the end of the
// terminal reaches it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// terminate asks a server to end in good order.
func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
