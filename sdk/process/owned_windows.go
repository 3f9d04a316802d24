package process

import (
	"os"
	"os/exec"
)

// startOwned starts cmd. Windows has no process groups of this kind: a child's
// own children are not ended with it, and a killed parent leaves the child.
func startOwned(cmd *exec.Cmd) error { return cmd.Start() }

func terminate(p *os.Process) { _ = p.Kill() }

func killGroup(p *os.Process) { _ = p.Kill() }
