package sdktest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// passed are the variables that a plugin gets of this process's environment.
var passed = []string{"PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "SystemRoot", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA"}

// launch starts the plugin's program with what the core gives it: mutual TLS, a
// small environment, and a lifeline as its standard input.
func (s Subject) launch(h *host, dir string, log *logbook) error {
	var env []string
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	l := &launched{log: log}
	l.out, l.outEnd = io.Pipe()
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake,
		Plugins:          sdk.ClientPlugins(),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     patience,
		Logger:           hclog.NewNullLogger(),
		GRPCDialOptions:  sdk.DialOptions(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: dir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			cmd.Path, cmd.Args, cmd.Dir = s.Path, []string{s.Path}, h.run
			cmd.Env = append(append(env, s.Env...), cmd.Env...)
			l.cmd = cmd
			return l, nil
		},
	})
	conn, err := dispense(client)
	if err != nil {
		if l.child != nil {
			l.child.Kill()
			<-l.child.Done()
		}
		client.Kill()
		return err
	}
	h.Conn, h.child, h.hangUp = conn, l.child, func() { l.lifeline.Close() }
	h.end = func() error {
		defer client.Kill() // once the program has ended: before, it may hang
		h.child.Terminate()
		if !h.ended(patience) {
			h.child.Kill()
			<-h.child.Done()
			return fmt.Errorf("the program did not end within %v of SIGTERM", patience)
		}
		return nil
	}
	return nil
}

func dispense(client *goplugin.Client) (*sdk.Conn, error) {
	proto, err := client.Client()
	if err != nil {
		return nil, err
	}
	raw, err := proto.Dispense(sdk.PluginKey)
	if err != nil {
		return nil, err
	}
	return raw.(*sdk.Conn), nil
}

// ended says whether the program ends within d.
func (h *host) ended(d time.Duration) bool {
	select {
	case <-h.child.Done():
		return true
	case <-time.After(d):
		return false
	}
}

// handshake is the line that go-plugin waits for; all others are noise.
var handshake = regexp.MustCompile(`^\d+\|\d+\|(unix|tcp)\|[^|]+\|grpc`)

// launched is the program, in the shape that go-plugin wants.
type launched struct {
	cmd      *exec.Cmd
	log      *logbook
	child    *process.Child
	lifeline *os.File
	out      *io.PipeReader
	outEnd   *io.PipeWriter
	greeted  sync.Once
}

// Start implements runner.Runner.
func (l *launched) Start(context.Context) error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	l.cmd.Stdin = theirs
	l.cmd.Env = append(l.cmd.Env, sdk.EnvLifeline+"=stdin")
	child, err := process.Start(l.cmd, l.stdout, l.log.line)
	if err != nil {
		ours.Close()
		return err
	}
	l.child, l.lifeline = child, ours
	go func() {
		<-child.Done()
		l.outEnd.Close()
		ours.Close()
	}()
	return nil
}

func (l *launched) stdout(line string) {
	if handshake.MatchString(line) {
		l.greeted.Do(func() { _, _ = io.WriteString(l.outEnd, line+"\n") })
		return
	}
	l.log.line(line)
}

// Stdout and the methods below implement runner.Runner.
func (l *launched) Stdout() io.ReadCloser           { return l.out }
func (l *launched) Stderr() io.ReadCloser           { return io.NopCloser(strings.NewReader("")) }
func (l *launched) Wait(context.Context) error      { return l.child.Wait() }
func (l *launched) Kill(context.Context) error      { l.child.Kill(); return nil }
func (l *launched) Name() string                    { return l.cmd.Path }
func (l *launched) Diagnose(context.Context) string { return l.log.String() }
func (l *launched) ID() string {
	if l.child == nil {
		return ""
	}
	return strconv.Itoa(l.child.Pid())
}
func (l *launched) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}
func (l *launched) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
