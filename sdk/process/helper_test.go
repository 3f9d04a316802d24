package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// helperEnv makes this test binary a helper program; its value is a key of helpers.
const helperEnv = "PROCESS_TEST_HELPER"

// helpers are the programs that the tests run. os.Args[1:] are theirs.
var helpers = map[string]func(args []string){
	// serve SOCKET: /health says 503 twice, then 200.
	"serve": func(args []string) { answer(args[0]) },
	// deaf SOCKET: the same, but SIGTERM is not heard.
	"deaf": func(args []string) {
		signal.Ignore(syscall.SIGTERM)
		answer(args[0])
	},
	// mute: never answers and never ends.
	"mute": func([]string) { time.Sleep(time.Hour) },
	// fail SOCKET N: n lines, and exit status 3; with a SOCKET, after /end.
	"fail": func(args []string) {
		if args[0] != "" {
			answer(args[0])
		}
		n, _ := strconv.Atoi(args[1])
		for i := range n {
			fmt.Println("line", i+1)
		}
		os.Exit(3)
	},
	// family END: a child that keeps the output open, its pid, and then END: exit or stay.
	"family": func(args []string) {
		child := exec.Command(os.Args[0])
		child.Env = helperEnviron("mute")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			fmt.Println(err)
		}
		fmt.Println(child.Process.Pid)
		if args[0] == "stay" {
			time.Sleep(time.Hour)
		}
	},
	// env: its environment.
	"env": func([]string) { fmt.Print(strings.Join(os.Environ(), "\n")) },
	// flood BYTES: so many without an end of line on both outputs, then a line.
	"flood": func(args []string) {
		n, _ := strconv.Atoi(args[0])
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			_, _ = io.CopyN(f, endless{}, int64(n))
			fmt.Fprintln(f, "\nafter the flood")
		}
	},
	// cat: what comes in goes out.
	"cat": func([]string) { _, _ = io.Copy(os.Stdout, os.Stdin) },
	// parent SOCKET: runs a server, says its pid, and stays.
	"parent": func(args []string) {
		s, err := process.Run(context.Background(), config("serve", args[0]))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.Pid())
		time.Sleep(time.Hour)
	},
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// answer serves /health until /end is asked for.
func answer(socket string) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening")
	asked, ended := 0, make(chan struct{})
	server := &http.Server{}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if r.URL.Path == "/end" {
			go func() {
				_ = server.Shutdown(context.Background()) // it answers this request first
				close(ended)
			}()
		}
	})
	_ = server.Serve(listener)
	<-ended
}

func TestMain(m *testing.M) {
	if helper, ok := helpers[os.Getenv(helperEnv)]; ok {
		helper(os.Args[1:])
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork")) // the thread that forks, for ever
}

// helperEnviron is all that a helper sees. Under -race a program takes a second to end, unless told.
func helperEnviron(helper string) []string {
	return []string{helperEnv + "=" + helper, "GORACE=atexit_sleep_ms=0"}
}

// command is a helper program for process.Start.
func command(helper string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = helperEnviron(helper)
	return cmd
}

// config is a helper program for process.Run.
func config(helper string, args ...string) process.Config {
	c := process.Config{
		Path: os.Args[0], Args: args, Env: helperEnviron(helper), Health: "/health", Log: hclog.NewNullLogger(),
		Explain: func(e process.Exit) error {
			return fmt.Errorf("%w: %s", e.Err, strings.Join(e.Log, "|"))
		},
	}
	if len(args) > 0 {
		c.Endpoint = sdk.Endpoint{Socket: args[0]}
	}
	return c
}

// socket returns a path that is short enough on every system.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// eventually waits for what must come to be.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// gone says whether a process has ended; one that nobody has waited for counts.
func gone(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		_, rest, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(rest, "Z")
	}
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// log collects the lines of a child.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.lines...)
}
