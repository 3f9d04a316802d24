package host

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	goplugrunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/enginebay/enginebay/sdk/process"
	pluginpb "github.com/enginebay/enginebay/sdk/proto"
)

// handshakeTimeout is how long a plugin has at most from exec to its handshake;
// the context of Start is to be shorter.
const handshakeTimeout = time.Minute

// A Config says which plugin program to start.
type Config struct {
	Path     string        // the program
	Launcher []string      // a program and its arguments that starts it, and becomes it: it is given Path behind them
	Files    []*os.File    // that it inherits, as descriptors from 3 on
	Dir      string        // its run folder, private and with a short path: working directory and sockets
	Env      []string      // NAME=VALUE; nothing is inherited
	Line     func(string)  // called with each line that it writes; must not block for long
	Begun    func(pid int) // called as soon as the process is there, before it says a word; may be nil
}

// A Plugin is a plugin's program that runs, and the connection to it.
type Plugin struct {
	*Conn
	runner *runner
	client *goplugin.Client
	done   chan struct{}
	err    error // of the process, set before done is closed
}

// Start starts a plugin and blocks until it is connected: mutual TLS on a
// socket inside Dir, and a lifeline, so that the plugin ends when this process
// does. When it fails, nothing is left of the plugin.
func Start(ctx context.Context, c Config) (*Plugin, error) {
	p := &Plugin{runner: newRunner(c), done: make(chan struct{})}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{ProtocolVersion: pluginpb.Version, MagicCookieKey: pluginpb.CookieKey, MagicCookieValue: pluginpb.CookieValue},
		Plugins:          goplugin.PluginSet{pluginpb.Service: glue{}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     handshakeTimeout,
		Logger:           hclog.NewNullLogger(), // it reports what our caller does
		SyncStdout:       &process.LineWriter{Emit: c.Line},
		SyncStderr:       &process.LineWriter{Emit: c.Line},
		GRPCDialOptions:  dialOptions(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: c.Dir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (goplugrunner.Runner, error) {
			cmd.Args, cmd.Dir = append(slices.Clone(c.Launcher), c.Path), c.Dir
			cmd.Path, cmd.ExtraFiles = cmd.Args[0], c.Files
			cmd.Env = append(append([]string{}, c.Env...), cmd.Env...)
			p.runner.cmd = cmd
			return p.runner, nil
		},
	})
	if err := p.connect(ctx); err != nil {
		if p.runner.child != nil {
			p.runner.child.Kill()
			<-p.runner.child.Done()
		}
		p.client.Kill()
		return nil, err
	}
	go p.reap()
	return p, nil
}

// connect waits for the handshake and the connection. go-plugin gives neither a
// deadline, and hangs on a plugin that stops in between: then the plugin is
// killed, which ends the waiting too.
func (p *Plugin) connect(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		proto, err := p.client.Client()
		if err != nil {
			done <- err
			return
		}
		raw, err := proto.Dispense(pluginpb.Service)
		if err == nil {
			p.Conn = raw.(*Conn)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		_ = p.runner.Kill(ctx)
		<-done
		return context.Cause(ctx)
	}
}

// reap waits for the end and clears up after it. go-plugin's own Kill is called
// only now: before, it may hang for ever on a plugin that does not answer.
func (p *Plugin) reap() {
	p.err = p.runner.child.Wait()
	p.client.Kill()
	close(p.done)
}

// Pid returns the process id.
func (p *Plugin) Pid() int { return p.runner.child.Pid() }

// Done is closed when the process has ended and the connection is cleared up.
func (p *Plugin) Done() <-chan struct{} { return p.done }

// Wait blocks until Done, and returns what [exec.Cmd.Wait] does.
func (p *Plugin) Wait() error {
	<-p.done
	return p.err
}

// Terminate asks the plugin to close its instances and end.
func (p *Plugin) Terminate() { p.runner.child.Terminate() }

// Kill ends the plugin and its whole group at once.
func (p *Plugin) Kill() { p.runner.child.Kill() }

// HangUp closes the lifeline, as the end of this process would.
func (p *Plugin) HangUp() { p.runner.lifeline.Close() }

// glue is the shape that go-plugin wants a plugin in. What answers is package sdk.
type glue struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (glue) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return errors.ErrUnsupported }

func (glue) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, cc *grpc.ClientConn) (any, error) {
	return NewConn(cc), nil
}
