package process_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk/process"
)

func start(t *testing.T, out func(string), helper string, args ...string) *process.Child {
	t.Helper()
	c, err := process.Start(command(helper, args...), out, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Kill(); c.Wait() })
	return c
}

// ended waits for the end of a child, which must not hang.
func ended(t *testing.T, c *process.Child) error {
	t.Helper()
	select {
	case <-c.Done():
		return c.Wait()
	case <-time.After(5 * time.Second):
		t.Fatal("Wait hangs")
		return nil
	}
}

func TestChildHasAGroupOfItsOwn(t *testing.T) {
	c := start(t, nil, "mute")
	group, err := syscall.Getpgid(c.Pid())
	if err != nil || group != c.Pid() {
		t.Errorf("group of %d is %d, %v; ours is %d", c.Pid(), group, err, syscall.Getpgrp())
	}
}

func TestGrandchildrenGoWithTheChild(t *testing.T) {
	for name, end := range map[string]struct {
		arg string
		end func(*process.Child)
	}{
		"it ends by itself": {"exit", func(*process.Child) {}},
		"it is terminated":  {"stay", (*process.Child).Terminate},
		"it is killed":      {"stay", (*process.Child).Kill},
	} {
		t.Run(name, func(t *testing.T) {
			var out log
			c := start(t, out.add, "family", end.arg)
			eventually(t, 5*time.Second, "the pid of the grandchild", func() bool { return len(out.all()) > 0 })
			grandchild, err := strconv.Atoi(out.all()[0])
			if err != nil {
				t.Fatal(err)
			}
			end.end(c)
			_ = ended(t, c) // it holds the output open
			eventually(t, time.Second, "the end of the grandchild", func() bool { return gone(grandchild) })
		})
	}
}

func TestKillAfterTheEndDoesNothing(t *testing.T) {
	c := start(t, nil, "env")
	if err := ended(t, c); err != nil {
		t.Fatal(err)
	}
	c.Kill() // its pid may be another's: nothing to see, but nothing may break
	c.Terminate()
}

func TestTheEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("HF_TOKEN", "a secret")
	c := config("serve", socket(t))
	c.Env = nil // not even the helper's name reaches it: the test binary sees flags that it does not know, and ends
	c.Args = []string{"-test.run=^TestPrintEnvironment$", "-test.v"}
	var seen []string
	c.Explain = func(e process.Exit) error { seen = e.Log; return os.ErrClosed }
	if _, err := process.Run(t.Context(), c); err == nil {
		t.Fatal("no error")
	}
	i := slices.IndexFunc(seen, func(line string) bool { return strings.HasSuffix(line, "environment: []") })
	if i < 0 {
		t.Errorf("it sees %q", seen)
	}
}

// TestPrintEnvironment is what the test above runs.
func TestPrintEnvironment(t *testing.T) { t.Logf("environment: %q", os.Environ()) }

func TestStartSetsTheOutputItself(t *testing.T) {
	cmd := command("mute")
	cmd.Stdout = os.Stdout
	if _, err := process.Start(cmd, nil, nil); err == nil {
		t.Error("a Stdout of the caller's is overwritten without a word")
	}
}
