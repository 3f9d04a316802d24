package egress_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/egress"
)

// TestWhoIsAnswered: who knows the path of a socket is not yet the plugin whose it is.
func TestWhoIsAnswered(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(self) // its number is nobody else's until Wait
	other.Env = []string{socketEnv + "=" + filepath.Join(t.TempDir(), "none")}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Wait() })
	for name, test := range map[string]struct {
		admit int
		child bool
		want  string
	}{
		"itself":            {os.Getpid(), false, "HTTP/1.1 400"},
		"what it starts":    {os.Getpid(), true, "HTTP/1.1 400"},
		"another process":   {other.Process.Pid, false, ""},
		"its parent":        {os.Getppid(), true, "HTTP/1.1 400"},
		"a child's sibling": {other.Process.Pid, true, ""},
		"nobody":            {0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			p, err := egress.Listen(socket, egress.Rules{}, hclog.NewNullLogger())
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.Admit(test.admit)
			p.Admit(os.Getpid()) // it is the first that counts
			got := ""
			if test.child {
				cmd := exec.Command(self)
				cmd.Env = []string{socketEnv + "=" + socket}
				out, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				got = string(out)
			} else {
				got = answer(socket)
			}
			if got != test.want {
				t.Errorf("the answer is %q; want %q", got, test.want)
			}
		})
	}
}

// TestCloseBeforeAnybodyIsAdmitted ends, also with a connection that waits.
func TestCloseBeforeAnybodyIsAdmitted(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	p, err := egress.Listen(socket, egress.Rules{}, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.Close()
}
