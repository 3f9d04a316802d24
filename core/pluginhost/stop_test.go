package pluginhost_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// child is the pid that a rogue tells on stderr.
func child(t *testing.T, log *journal) int {
	t.Helper()
	message := log.line(t, "my-rogue", "child ")["@message"].(string)
	pid, err := strconv.Atoi(strings.TrimPrefix(message, "child "))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// halt stops a process, and waits until it stands still: on a busy machine another
// of its threads may answer for a while.
func halt(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.GOOS == "linux"; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("it does not stand still: %s, %v", stat, err)
		}
		if strings.Contains(string(stat), ") T ") {
			return
		}
	}
}

func TestCloseEndsEveryPlugin(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	var processes []*pluginhost.Process
	for _, id := range []string{"a", "b", "c"} {
		p := connect(t, host, pluginhost.Deployment{ID: id, Plugin: "echo"})
		if _, err := load(t, p, `{}`); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, p)
	}
	host.Close()
	for _, p := range processes {
		if !gone(p.Pid()) {
			t.Errorf("%d lives on", p.Pid())
		}
		if p.Err() == nil {
			t.Error("Done is not closed")
		}
	}
	_, err := host.Connect(t.Context(), echo(nil))
	refused(t, err, sdk.CodeUnavailable, "shutting down")
	host.Close() // a second time is harmless
}

// go-plugin's own Kill and Ping hang for ever on a stopped plugin. The bound is
// the ten seconds that a plugin has to close its instances.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	host.SetBounds(time.Minute, 3*time.Second, time.Minute)
	stopped := connect(t, host, pluginhost.Deployment{ID: "stopped", Plugin: "echo"})
	deaf := connect(t, host, pluginhost.Deployment{ID: "deaf", Plugin: "echo", Settings: map[string]any{"ignore_sigterm": true}})
	quick := connect(t, host, echo(nil))
	halt(t, stopped.Pid())
	start := time.Now()
	closed := make(chan struct{})
	go func() { host.Close(); close(closed) }()
	<-quick.Done()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("one that obeys took %v", took)
	}
	select {
	case <-closed:
	case <-time.After(6 * time.Second):
		t.Fatal("Close hangs")
	}
	if took := time.Since(start); took < 3*time.Second {
		t.Errorf("all ended after %v: they had no time to close their instances", took)
	}
	for _, p := range []*pluginhost.Process{stopped, deaf} {
		if !gone(p.Pid()) {
			t.Errorf("%d lives on", p.Pid())
		}
	}
}

// A child that inherited the plugin's outputs makes go-plugin's Kill hang, and lives on.
func TestChildrenOfAPluginGoWithIt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*pluginhost.Host, *pluginhost.Process) error{
		"the host closes": func(h *pluginhost.Host, _ *pluginhost.Process) error { h.Close(); return nil },
		"the plugin dies": func(_ *pluginhost.Host, p *pluginhost.Process) error { return syscall.Kill(p.Pid(), syscall.SIGKILL) },
	} {
		for _, kind := range []string{"linger", "owned"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				host, log := newHost(t)
				p := connect(t, host, rogue(kind))
				pid := child(t, log)
				if gone(pid) {
					t.Fatal("there is no child")
				}
				if err := end(host, p); err != nil {
					t.Fatal(err)
				}
				select {
				case <-p.Done():
				case <-time.After(3 * time.Second):
					t.Error("Done hangs")
				}
				eventually(t, time.Second, "the end of the child", func() bool { return gone(pid) })
			})
		}
	}
}

func TestNothingIsLeftInTheRunFolder(t *testing.T) {
	t.Parallel()
	var run string
	host, _ := newHost(t, func(c *pluginhost.Config) { run = c.RunDir })
	p := connect(t, host, echo(nil))
	if names := entries(t, run); len(names) != 2 { // and the lock
		t.Errorf("while it runs: %v", names)
	}
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if names := entries(t, run); len(names) != 1 {
		t.Errorf("after its end: %v", names)
	}
	if _, err := host.Connect(t.Context(), rogue("greet=1|9|unix|x|grpc")); err == nil {
		t.Fatal("no error")
	}
	if names := entries(t, run); len(names) != 1 {
		t.Errorf("after a start that failed: %v", names)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

// A person who wants a deployment tried again does not wait for a plugin that
// hangs: it is killed, and the next use starts another.
func TestResetReplacesAPluginThatHangs(t *testing.T) {
	t.Parallel()
	host, log := newHost(t)
	hung := connect(t, host, echo(nil))
	host.Reset("my-echo") // one that answers stays
	if again := connect(t, host, echo(nil)); again != hung {
		t.Fatal("a plugin that answers was replaced")
	}
	halt(t, hung.Pid())
	host.Reset("my-echo")
	if !gone(hung.Pid()) {
		t.Error("it hangs on")
	}
	if p := connect(t, host, echo(nil)); p.Pid() == hung.Pid() {
		t.Error("it was not replaced")
	}
	log.line(t, "my-echo", "plugin does not answer; it is killed")
}

// TestHungPluginIsFound: one that stands still is found although nobody uses it.
func TestHungPluginIsFound(t *testing.T) {
	t.Parallel()
	told := make(chan pluginhost.Status, 8)
	host, _ := newHost(t, func(c *pluginhost.Config) {
		c.Changed = func(_ string, st pluginhost.Status) { told <- st }
	})
	host.SetBounds(time.Minute, time.Minute, 200*time.Millisecond)
	p := connect(t, host, echo(nil))
	halt(t, p.Pid())
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs on")
	}
	for _, want := range []string{pluginhost.StateUp, pluginhost.StateCrashed} {
		if st := <-told; st.State != want {
			t.Errorf("told %q, want %q", st.State, want)
		}
	}
	connect(t, host, echo(nil)) // the next use starts another
}
