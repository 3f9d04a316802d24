package process

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// drainTime is how long the output of a child is still read after it has ended.
// Its last words are in the pipe already; what a stray grandchild would add is not waited
// for. On a machine that is busy the reader itself may not run for a while: 200 ms were
// too few once.
const drainTime = time.Second

// A Child is a started program, alone with its own children in a process group.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of cmd.Wait; set before done is closed
}

// Start starts cmd. Each line that it writes to standard output or standard
// error goes to the function of that name; nil discards them. The two are called
// from a goroutine each, and must not block for long: the program waits for them.
//
// cmd.Stdout, cmd.Stderr and cmd.SysProcAttr are set by Start and must be empty.
func Start(cmd *exec.Cmd, stdout, stderr func(line string)) (*Child, error) {
	if cmd.Stdout != nil || cmd.Stderr != nil || cmd.SysProcAttr != nil {
		return nil, errors.New("process: Stdout, Stderr and SysProcAttr are set by Start")
	}
	out, outEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errs, errsEnd, err := os.Pipe()
	if err != nil {
		out.Close()
		outEnd.Close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = outEnd, errsEnd
	err = startOwned(cmd)
	outEnd.Close()
	errsEnd.Close()
	if err != nil {
		out.Close()
		errs.Close()
		return nil, err
	}
	c := &Child{cmd: cmd, done: make(chan struct{})}
	read := make(chan struct{}, 2)
	for _, pipe := range []struct {
		from *os.File
		to   func(string)
	}{{out, stdout}, {errs, stderr}} {
		go func() {
			defer func() { read <- struct{}{} }()
			defer pipe.from.Close()
			lines := LineWriter{Emit: pipe.to}
			_, _ = io.Copy(&lines, pipe.from)
			lines.Flush()
		}()
	}
	go c.wait(out, errs, read)
	return c, nil
}

// wait ends the child's whole life: the program, its children, its last words.
func (c *Child) wait(out, errs *os.File, read <-chan struct{}) {
	c.err = c.cmd.Wait()
	killGroup(c.cmd.Process)
	deadline := time.Now().Add(drainTime)
	_ = out.SetReadDeadline(deadline)
	_ = errs.SetReadDeadline(deadline)
	<-read
	<-read
	close(c.done)
}

// Pid returns the process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Done is closed when the program has ended, its group is gone and its output is read.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait blocks until Done, and returns what [exec.Cmd.Wait] does.
func (c *Child) Wait() error {
	<-c.done
	return c.err
}

// Terminate asks the program to end.
func (c *Child) Terminate() { terminate(c.cmd.Process) }

// Kill ends the program and its whole group at once. After Done it does nothing:
// the process id may be somebody else's by then.
func (c *Child) Kill() {
	select {
	case <-c.done:
	default:
		killGroup(c.cmd.Process)
	}
}
