package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"
)

const (
	// startTimeout is how long a server in the background may take to answer; it
	// is a fifth of a second as a rule.
	startTimeout = 30 * time.Second
	pollInterval = 20 * time.Millisecond
)

// withServer has commands, or those below them, start a server where none answers.
func (c *config) withServer(commands ...*cobra.Command) []*cobra.Command {
	for _, cmd := range commands {
		if c.withServer(cmd.Commands()...); !cmd.HasSubCommands() && cmd.Annotations["server"] == "" {
			cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return c.ensureServer(cmd) }
		}
	}
	return commands
}

// withoutServer marks a command that uses a server where one runs, and starts none.
var withoutServer = map[string]string{"server": "none"}

// ensureServer starts a server in the background where the address is one of
// this machine and nobody is there. Whatever else is wrong with the address, the
// command itself will tell.
func (c *config) ensureServer(cmd *cobra.Command) error {
	if c.startsNone() || !isLoopback(c.Addr) || !nobodyAt(c.Addr) {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(c.home, "logs"), 0o700); err != nil {
		return fmt.Errorf("make home folder: %w", err)
	}
	// Not in run/, which a server sweeps.
	lock := flock.New(filepath.Join(c.home, "start.lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(cmd.Context(), pollInterval); err != nil {
		return fmt.Errorf("lock the start of a server: %w", err)
	}
	defer lock.Close()
	if !nobodyAt(c.Addr) { // another command was faster
		return nil
	}
	if err := c.makeRoom(cmd.Context()); err != nil {
		return err
	}
	pid, err := c.startServer(cmd.Context())
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "started a server in the background (pid %d); to stop it: %s\n", pid, c.inHome("enginebay serve stop"))
	return nil
}

// startsNone says whether the person wants no server in the background.
func (c *config) startsNone() bool {
	value := os.Getenv("ENGINEBAY_NO_START")
	no, err := strconv.ParseBool(value)
	return c.noStart || no || err != nil && value != ""
}

// inHome is a command with --home where it would have another home without.
func (c *config) inHome(command string) string {
	var usual config
	if usual.findHome() == nil && usual.home == c.home {
		return command
	}
	return command + " --home " + c.home
}

// makeRoom waits for a server of this home that is about to end, and refuses
// where one serves at another address: a home has one server.
func (c *config) makeRoom(ctx context.Context) error {
	owner, ok := serverOf(c.home)
	switch {
	case !ok:
		return nil
	case owner.Addr != c.Addr && !nobodyAt(owner.Addr):
		return fmt.Errorf("no server answers at http://%s; that of %s is at http://%s: use it with --addr %s", c.Addr, c.home, owner.Addr, owner.Addr)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := waitEnd(ctx, c.home); err != nil {
		return fmt.Errorf("the server of %s (pid %d) does not answer, and does not end either; to stop it: %s", c.home, owner.Pid, c.inHome("enginebay serve stop"))
	}
	return nil
}

// startServer starts a server that outlives this program, and returns when it
// answers.
func (c *config) startServer(ctx context.Context) (pid int, err error) {
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	file := filepath.Join(c.home, "logs", "serve.log")
	log, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("log of a server in the background: %w", err)
	}
	defer log.Close()
	server := exec.Command(program, "serve", "--home", c.home, "--addr", c.Addr)
	server.Dir, server.Stdout, server.Stderr = c.home, log, log
	detach(server)
	if err := server.Start(); err != nil {
		return 0, fmt.Errorf("start a server in the background: %w", err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !healthy(ctx, c.Addr) {
		select {
		case <-ended:
			return 0, fmt.Errorf("no server answers at http://%s, and one in the background did not start: %s", c.Addr, lastLines(file))
		case <-ctx.Done():
			_ = terminate(server.Process)
			return 0, fmt.Errorf("a server in the background did not answer within %v: %s", startTimeout, lastLines(file))
		case <-time.After(pollInterval):
		}
	}
	return server.Process.Pid, nil
}

func isLoopback(addr string) bool {
	host, port, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return port != "0" && (host == "localhost" || err == nil && ip.IsLoopback())
}

// nobodyAt says whether nobody listens at an address of this machine.
func nobodyAt(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

func healthy(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// lastLines is the end of a log that an error shows.
func lastLines(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "the end of " + file + " is\n" + strings.Join(lines[max(0, len(lines)-10):], "\n")
}
