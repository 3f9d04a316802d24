package process

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// forks is the one thread that forks. The kernel sends Pdeathsig when the
// forking *thread* ends (golang/go#27505), so that thread must live for as long
// as the process: its goroutine is locked to it and never returns.
var forks = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go fork(work)
	return work
})

// fork has a name so that tests which look for leaked goroutines can leave it out.
func fork(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
}

// startOwned starts cmd in its own group, to be killed when this process dies.
func startOwned(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	forks() <- func() { started <- cmd.Start() }
	return <-started
}

func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
