//go:build unix && !linux

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// startOwned starts cmd in its own group. Nothing here kills it when this
// process is killed with SIGKILL: only an orderly end takes it along.
func startOwned(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}

func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
