//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core/sandbox"
)

// A victim is what a plugin must not touch.
type victim struct {
	own      string // the plugin's folder
	home     string // that of the user
	pid      int    // of a foreign process
	tcp, udp string // addresses of a foreign server
	unix     string // an abstract socket
}

func newVictim(t *testing.T) victim {
	t.Helper()
	v := victim{own: t.TempDir(), home: t.TempDir()}
	for name, text := range map[string]string{"keys.json": "secret", ".ssh-id": "secret", "data/other/state": "secret"} {
		file := filepath.Join(v.home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	process := exec.Command(hostile)
	process.Env = []string{"HOSTILE=die", "TOKEN=secret"}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	v.pid = process.Process.Pid
	v.tcp, v.unix = accept(t, "tcp", "127.0.0.1:0"), strings.TrimPrefix(accept(t, "unix", "@hostile-"+filepath.Base(filepath.Dir(v.own))+"-"+fmt.Sprint(v.pid)), "@")
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	v.udp = packets.LocalAddr().String()
	return v
}

// accept listens, and returns the address.
func accept(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestEscapes: what succeeds in a process that is free is refused in one that is
// confined, and in what that starts. (A try that does not succeed anyhow, because
// the kernel or the user cannot, shows nothing, and is told.)
func TestEscapes(t *testing.T) {
	needs(t, 6)
	v := newVictim(t)
	key := filepath.Join(v.home, "keys.json")
	for _, try := range []string{
		"read " + key,
		"read " + filepath.Join(v.home, "data/other/state"),
		"list " + v.home,
		"list /home",
		"list /root",
		"list /tmp",
		"symlink " + key + " " + filepath.Join(v.own, "link"),
		"link " + key + " " + filepath.Join(v.own, "hard"),
		"write " + filepath.Join(v.home, "new"),
		"write /tmp/hostile-was-here",
		"write /dev/shm/hostile-was-here",
		"truncate " + filepath.Join(v.home, ".ssh-id"),
		"remove " + filepath.Join(v.home, ".ssh-id"),
		"drop " + v.own,
		fmt.Sprintf("read /proc/%d/environ", v.pid),
		fmt.Sprintf("read /proc/%d/cmdline", v.pid),
		fmt.Sprintf("read /proc/%d/maps", v.pid),
		"read /proc/1/cmdline",
		"read /proc/1/environ",
		"list /proc",
		"read /proc/kallsyms",
		"read /etc/shadow",
		"read /proc/self/../1/cmdline",
		"read /proc/net/unix", "read /proc/self/net/unix", "read /proc/thread-self/net/unix",
		"tcp " + v.tcp,
		"udp " + v.udp,
		"listen",
		"dns",
		"raw", "packet", "netlink", "vsock", "mptcp",
		"abstract " + v.unix,
		fmt.Sprintf("signal %d", v.pid),
		fmt.Sprintf("limits %d", v.pid),
		fmt.Sprintf("ptrace %d", v.pid),
		fmt.Sprintf("memory %d", v.pid),
		"uring", "bpf", "keys", "userns", "unshare", "module",
		"mount " + v.own, "chroot " + v.own,
		"setuid", "cores", "terminal",
	} {
		for _, how := range []string{"", "child "} {
			t.Run(how+strings.Fields(try)[0], func(t *testing.T) {
				out, err := confined(t, sandbox.Policy{Write: []string{v.own}}, v.own, how+try)
				if err == nil {
					t.Errorf("%s: it got out: %s", try, out)
				}
				if out == "" {
					t.Errorf("%s: it ended without a word: %v", try, err)
				}
			})
		}
	}
	for _, file := range []string{key, filepath.Join(v.home, ".ssh-id"), filepath.Join(v.home, "data/other/state")} {
		if text, err := os.ReadFile(file); string(text) != "secret" {
			t.Errorf("%s is %q, %v", file, text, err)
		}
	}
}

// TestTriesSucceedWithout: the tries of the tests can succeed, so that a refusal says
// something.
func TestTriesSucceedWithout(t *testing.T) {
	for _, try := range []string{
		"read %home%/keys.json", "list %home%", "symlink %home%/keys.json %own%/link", "link %home%/keys.json %own%/hard", "write %home%/new",
		"truncate %home%/.ssh-id", "remove %home%/.ssh-id", "drop %own%", "read /proc/%pid%/environ", "read /proc/1/cmdline", "list /proc",
		"tcp %tcp%", "udp %udp%", "listen", "dns", "mptcp", "abstract %unix%", "memory %pid%", "ptrace %pid%", "limits %pid%", "signal %pid%", "uring", "setuid",
		"child listen", "cores",
	} {
		t.Run(strings.Fields(try)[0], func(t *testing.T) {
			v := newVictim(t)
			try := strings.NewReplacer("%home%", v.home, "%own%", v.own, "%pid%", fmt.Sprint(v.pid), "%tcp%", v.tcp, "%udp%", v.udp, "%unix%", v.unix).Replace(try)
			if out, err := free(t, v.own, try); err != nil {
				t.Skipf("%s cannot be done on this machine at all: %s", try, out)
			}
		})
	}
}
