package main

import (
	"os"
	"os/exec"
	"syscall"
)

// detachedProcess is DETACHED_PROCESS of CreateProcess: no console.
const detachedProcess = 0x8

// detach gives a program no console and a group of its own: neither Ctrl-C nor
// the end of the terminal reaches it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: detachedProcess | syscall.CREATE_NEW_PROCESS_GROUP}
}

// terminate kills: there is nothing on Windows that asks a program without a
// console or a window. Plugins end with the server.
func terminate(p *os.Process) error { return p.Kill() }
