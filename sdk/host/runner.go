package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/enginebay/enginebay/sdk/process"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// handshake is what go-plugin's line looks like: core protocol, plugin
// protocol, network, address, "grpc", certificate.
var handshake = regexp.MustCompile(`^\d+\|\d+\|(unix|tcp)\|[^|]+\|grpc`)

// runner starts one plugin process the way go-plugin should:
//   - in a process group of its own, killed with its owner;
//   - standard input is the lifeline: it closes when its owner ends;
//   - standard output is ours. The first line that looks like a handshake goes to
//     go-plugin, everything else to the log, before it and after it. (Alone,
//     go-plugin fails on noise before the line, and stops reading for ever at a
//     line of 64 KiB after it.)
//   - standard error goes to the log, not through go-plugin.
//
// It implements go-plugin's runner.Runner.
type runner struct {
	cmd  *exec.Cmd    // set before Start
	dir  string       // the run folder: the plugin's socket must lie inside
	line func(string) // takes what the plugin writes

	begun func(pid int) // nil: nobody wants to know

	mu       sync.Mutex // held while the child starts
	killed   bool       // no child is started any more
	child    *process.Child
	lifeline *os.File

	out     *io.PipeReader
	outEnd  *io.PipeWriter
	greeted sync.Once
}

func newRunner(c Config) *runner {
	r := &runner{dir: c.Dir, line: c.Line, begun: c.Begun}
	r.out, r.outEnd = io.Pipe()
	return r
}

// Start implements runner.Runner.
func (r *runner) Start(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.killed {
		return context.Canceled
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	r.cmd.Stdin = theirs
	r.cmd.Env = append(r.cmd.Env, pluginpb.Lifeline+"=stdin")
	child, err := process.Start(r.cmd, r.stdout, r.line)
	if err != nil {
		ours.Close()
		return err
	}
	r.child, r.lifeline = child, ours
	if r.begun != nil {
		r.begun(child.Pid())
	}
	go func() {
		<-child.Done()
		r.outEnd.Close()
		ours.Close()
	}()
	return nil
}

func (r *runner) stdout(line string) {
	if handshake.MatchString(line) {
		greeting := false
		r.greeted.Do(func() { greeting = true })
		if greeting {
			go func() { // go-plugin may not read any more, and the plugin must not wait for it
				_, _ = io.WriteString(r.outEnd, line+"\n")
			}()
			return
		}
	}
	r.line(line)
}

// Stdout implements runner.Runner: the handshake line and nothing else.
func (r *runner) Stdout() io.ReadCloser { return r.out }

// Stderr implements runner.Runner: the lines have gone to their taker already.
func (r *runner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Wait implements runner.Runner.
func (r *runner) Wait(context.Context) error { return r.child.Wait() }

// Kill implements runner.Runner. It may come before Start, which then does nothing.
func (r *runner) Kill(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.killed = true
	if r.child != nil {
		r.child.Kill()
	}
	return nil
}

// ID implements runner.Runner.
func (r *runner) ID() string {
	if r.child == nil {
		return ""
	}
	return strconv.Itoa(r.child.Pid())
}

// Name implements runner.Runner.
func (r *runner) Name() string { return r.cmd.Path }

// Diagnose implements runner.Runner; who takes the lines knows more.
func (r *runner) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner: the core talks to a socket in the run
// folder that it gave, never to another address that a plugin prints.
func (r *runner) PluginToHost(network, address string) (string, string, error) {
	switch {
	case network == "unix" && within(r.dir, address):
		return network, address, nil
	case network == "tcp" && runtime.GOOS == "windows": // go-plugin has no unix sockets there; mTLS guards the port
		if host, _, err := net.SplitHostPort(address); err == nil && host == "127.0.0.1" {
			return network, address, nil
		}
	}
	return "", "", fmt.Errorf("plugin wants to be called at %s %s, which is not in its run folder", network, address)
}

// HostToPlugin implements runner.Runner.
func (r *runner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

func within(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(rel)
}
