// Command hostile is a plugin's program that tries to get out. HOSTILE says how: the
// name of a try, and its argument after a space. It writes what came of it to standard
// output, and ends with status 0 where it got out.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var tries = map[string]func(string) error{
	"read":     func(path string) error { _, err := os.ReadFile(path); return err },
	"list":     func(path string) error { _, err := os.ReadDir(path); return err },
	"write":    func(path string) error { return os.WriteFile(path, []byte("here I was"), 0o600) },
	"remove":   os.Remove,
	"truncate": func(path string) error { return os.Truncate(path, 0) },
	"link":     hardLink,
	"symlink":  symlink,
	"tcp":      func(address string) error { return dial("tcp", address) },
	"udp":      udp,
	"listen":   listen,
	"abstract": func(name string) error { return dial("unix", "@"+name) },
	"unix":     func(path string) error { return dial("unix", path) },
	"dns":      func(string) error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); return err },
	"raw":      func(string) error { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
	"packet":   func(string) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"netlink":  func(string) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT) },
	"vsock":    func(string) error { return socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
	"mptcp":    func(string) error { return socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP) },
	"uring":    func(string) error { return call(unix.SYS_IO_URING_SETUP, 0, 0, 0) },
	"ptrace":   ptrace,
	"signal":   signal,
	"limits":   limits,
	"memory":   memory,
	"bpf":      func(string) error { return call(unix.SYS_BPF, 0, 0, 0) },
	"keys":     func(string) error { return call(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, 0xfffffffd, 0) },
	"mount":    func(dir string) error { return unix.Mount("none", dir, "tmpfs", 0, "") },
	"chroot":   unix.Chroot,
	"userns":   func(string) error { return clone(unix.CLONE_NEWUSER) },
	"unshare":  func(string) error { runtime.LockOSThread(); return unix.Unshare(unix.CLONE_NEWUTS) },
	"module":   func(string) error { return call(unix.SYS_INIT_MODULE, 0, 0, 0) },
	"terminal": func(string) error { _, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); return err },
	"drop":     drop,
	"setuid":   setuid,
	"chmod":    func(path string) error { return os.Chmod(path, 0o777) },
	"get":      get,
	"child":    child,
	"cores":    cores,
	"files":    files,
	"x32":      func(string) error { return call(0x40000000+unix.SYS_GETPID, 0, 0, 0) },
	"environ":  func(string) error { fmt.Println(os.Environ()); return nil },
	"self":     self,
	"die":      func(string) error { select {} },
}

func main() {
	name, argument, _ := strings.Cut(os.Getenv("HOSTILE"), " ")
	try, ok := tries[name]
	if !ok {
		fmt.Println("no such try", name)
		os.Exit(3)
	}
	if err := try(argument); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func call(number, a, b, c uintptr) error {
	// What is wrong with the arguments is found after the filter has let the call pass.
	_, _, errno := unix.Syscall(number, a, b, c)
	if errno == unix.EPERM || errno == unix.ENOSYS || errno == unix.EACCES {
		return errno
	}
	return nil
}

func socket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func dial(network, address string) error {
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err == nil {
		conn.Close()
	}
	return err
}

func udp(address string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("secret"))
	return err
}

func listen(string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		l.Close()
	}
	return err
}

func hardLink(argument string) error {
	from, to, _ := strings.Cut(argument, " ")
	return os.Link(from, to)
}

// symlink reads a file by way of a link in its own folder.
func symlink(argument string) error {
	from, to, _ := strings.Cut(argument, " ")
	if err := os.Symlink(from, to); err != nil {
		return err
	}
	_, err := os.ReadFile(to)
	return err
}

func ptrace(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.PtraceSeize(n); err != nil {
		return err
	}
	return nil
}

func signal(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	return unix.Kill(n, unix.SIGKILL)
}

func limits(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	return unix.Prlimit(n, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 10, Max: 10}, nil)
}

func memory(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = unix.ProcessVMReadv(n, []unix.Iovec{{Base: &b[0], Len: 1}}, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0)
	if errors.Is(err, unix.EFAULT) { // it was allowed, and there is nothing
		return nil
	}
	return err
}

func clone(flags uintptr) error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

// drop executes a program that it has written itself.
func drop(dir string) error {
	program := filepath.Join(dir, "dropped")
	text, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(program, text, 0o700)
	}
	if err != nil {
		return err
	}
	cmd := exec.Command(program)
	cmd.Env = []string{"HOSTILE=self"}
	return cmd.Run()
}

// setuid says whether a program could make it more than it is.
func setuid(string) error {
	n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err == nil && n == 1 {
		err = errors.New("no new privileges")
	}
	return err
}

func get(address string) error {
	answer, err := http.Get(address)
	if err == nil {
		answer.Body.Close()
	}
	return err
}

// child does a try in a process that it starts.
func child(try string) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"HOSTILE=" + try}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return err
}

func cores(string) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return err
	}
	if limit.Max == 0 {
		return errors.New("it writes no core")
	}
	return nil
}

// files says which limit of open files a program has that it starts.
func files(string) error {
	cmd := exec.Command("/bin/sh", "-c", "ulimit -n")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// self does what every program does.
func self(string) error {
	for _, path := range []string{"/proc/self/status", "/proc/cpuinfo", "/etc/passwd", "/dev/urandom"} {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		f.Close()
	}
	fmt.Println(os.Executable())
	fmt.Println(os.Args)
	comm, err := os.ReadFile("/proc/self/comm")
	fmt.Print(string(comm))
	return err
}
