package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/enginebay/enginebay/sdk/process"
)

func TestAKilledParentTakesItsServerAlong(t *testing.T) {
	parent := exec.Command(os.Args[0], socket(t))
	parent.Env = helperEnviron("parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || gone(pid) {
		t.Fatalf("the parent says %q; its server must live", line)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	eventually(t, time.Second, "the end of the server", func() bool { return gone(pid) })
}

// The kernel kills a child when the thread that forked it ends, not the process
// (golang/go#27505). Goroutines that end while they are locked take their threads along.
func TestTheEndOfAThreadSparesTheChildren(t *testing.T) {
	const threads = 20
	var out log
	children, inputs := make([]*process.Child, threads), make([]*os.File, threads)
	endThreads(t, threads, func(i int) {
		theirs, ours, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return
		}
		defer theirs.Close()
		inputs[i] = ours
		cmd := command("cat")
		cmd.Stdin = theirs
		if children[i], err = process.Start(cmd, out.add, nil); err != nil {
			t.Error(err)
		}
	})
	for _, input := range inputs {
		fmt.Fprintln(input, "alive")
		input.Close()
	}
	for i, child := range children {
		if err := ended(t, child); err != nil {
			t.Errorf("child %d: %v", i, err)
		}
	}
	if n := len(out.all()); n != threads {
		t.Errorf("%d of %d children answered", n, threads)
	}
}

// The same for a child that was started before: no thread may end that ever forked.
func TestTheForkingThreadNeverEnds(t *testing.T) {
	var out log
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	cmd := command("cat")
	cmd.Stdin = theirs
	child, err := process.Start(cmd, out.add, nil)
	if err != nil {
		t.Fatal(err)
	}
	endThreads(t, 100, func(int) {})
	fmt.Fprintln(ours, "alive")
	ours.Close()
	if err := ended(t, child); err != nil || len(out.all()) != 1 {
		t.Errorf("the child died with a thread: %v", err)
	}
}

// endThreads calls f on so many threads at once, and returns when they have ended.
func endThreads(t *testing.T, n int, f func(i int)) {
	t.Helper()
	tids := make([]int, n)
	var all, met sync.WaitGroup
	met.Add(n)
	for i := range n {
		all.Go(func() {
			runtime.LockOSThread() // and never unlocked
			tids[i] = syscall.Gettid()
			met.Done()
			met.Wait() // so that each has a thread of its own, the idle ones too
			f(i)
		})
	}
	all.Wait()
	for _, tid := range tids {
		eventually(t, 5*time.Second, "the end of a thread", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
			return err != nil || tid == os.Getpid() // Go parks the main thread
		})
	}
}
