package pluginhost_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// use is connect, with a hold on the process.
func use(t testing.TB, host *pluginhost.Host, d pluginhost.Deployment) (*pluginhost.Process, func()) {
	t.Helper()
	p, release, err := host.Use(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return p, release
}

// ends wants a process to end, soon and cleanly.
func ends(t testing.TB, p *pluginhost.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatalf("%d does not end", p.Pid())
	}
}

func TestChangedSettingsTakeANewProcess(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	old, release := use(t, host, echo(map[string]any{"tokens": 1}))
	_, second := use(t, host, echo(map[string]any{"tokens": 1}))
	// All at once: nobody gets the old one any more, and there is one new one.
	got := together(t, host, 20, func(int) pluginhost.Deployment { return echo(map[string]any{"tokens": 2}) })
	for _, p := range got {
		if p != got[0] || p == old {
			t.Fatal("not the one new process")
		}
	}
	want := []int{old.Pid(), got[0].Pid()}
	slices.Sort(want)
	if st := host.Status("my-echo"); st.Crashes != 0 || st.Pid != got[0].Pid() || !slices.Equal(st.Pids, want) {
		t.Errorf("status %+v, want pids %v", st, want)
	}
	second()
	second() // does nothing
	for _, p := range []*pluginhost.Process{old, got[0]} {
		if _, err := load(t, p, `{}`); err != nil {
			t.Errorf("while the old one is used: %v", err)
		}
	}
	release()
	ends(t, old)
	eventually(t, 10*time.Second, "it is not counted any more", func() bool { return len(host.Status("my-echo").Pids) == 1 })
	if st := host.Status("my-echo"); st.State != pluginhost.StateUp || st.Crashes != 0 || st.Restarts != 0 || st.Pid != got[0].Pid() {
		t.Errorf("a wanted end is no crash: %+v", st)
	}
}

func TestUnusedProcessIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	old, release := use(t, host, echo(map[string]any{"tokens": 1}))
	release()
	if again := connect(t, host, echo(map[string]any{"tokens": 1})); again != old {
		t.Fatal("without a change it does not stay")
	}
	connect(t, host, echo(map[string]any{"tokens": 2}))
	ends(t, old)
}

// TestCrashOfARetiredProcess is no crash of the deployment.
func TestCrashOfARetiredProcess(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	old, release := use(t, host, echo(map[string]any{"tokens": 1}))
	next := connect(t, host, echo(map[string]any{"tokens": 2}))
	if err := syscall.Kill(old.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ends(t, old)
	eventually(t, 10*time.Second, "the host knows", func() bool { return len(host.Status("my-echo").Pids) == 1 })
	release() // of what has ended
	if st := host.Status("my-echo"); st.State != pluginhost.StateUp || st.Crashes != 0 || st.Err != nil || st.Pid != next.Pid() {
		t.Errorf("status %+v", st)
	}
}

func TestStopAndCloseEndRetiredProcesses(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*pluginhost.Host){
		"stop":  func(h *pluginhost.Host) { h.Stop("my-echo") },
		"close": (*pluginhost.Host).Close,
	} {
		t.Run(name, func(t *testing.T) {
			host, _ := newHost(t)
			var all []*pluginhost.Process
			for i := range 3 {
				p, release := use(t, host, echo(map[string]any{"tokens": i}))
				defer release()
				all = append(all, p)
			}
			if n := len(host.Status("my-echo").Pids); n != 3 {
				t.Fatalf("%d processes", n)
			}
			end(host)
			for _, p := range all {
				if !gone(p.Pid()) {
					t.Errorf("%d lives on", p.Pid())
				}
			}
			if st := host.Status("my-echo"); st.State != pluginhost.StateStopped || st.Crashes != 0 {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// TestRetire: what has gone by does not come back, and what is used stays till then.
func TestRetire(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	d := func(revision uint64) pluginhost.Deployment {
		d := echo(nil)
		d.Revision = revision
		return d
	}
	one, release := use(t, host, d(1))
	host.Retire("my-echo", 1)
	if again := connect(t, host, d(1)); again != one {
		t.Error("a process was retired that is not older")
	}
	host.Retire("my-echo", 2)
	if st := host.Status("my-echo"); st.State != pluginhost.StateStopped || !slices.Equal(st.Pids, []int{one.Pid()}) {
		t.Errorf("status %+v", st)
	}
	if _, err := host.Connect(t.Context(), d(1)); err != pluginhost.ErrOutdated {
		t.Errorf("by what was retired one gets %v", err)
	}
	two := connect(t, host, d(2))
	if two == one || gone(one.Pid()) {
		t.Error("not a new one beside the old one")
	}
	if p, err := host.Connect(t.Context(), d(1)); err != pluginhost.ErrOutdated || p != nil {
		t.Errorf("by what was retired one gets %v, %v", p, err)
	}
	host.Retire("other", 7) // before its first use
	other := pluginhost.Deployment{ID: "other", Plugin: "echo", Revision: 6}
	if _, err := host.Connect(t.Context(), other); err != pluginhost.ErrOutdated {
		t.Errorf("got %v", err)
	}
	release()
	ends(t, one)
	if gone(two.Pid()) {
		t.Error("the new one went with it")
	}
}

// TestRetireCallsOffAStart that is under way with settings of before.
func TestRetireCallsOffAStart(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	first := make(chan error, 1)
	go func() {
		_, err := host.Connect(t.Context(), rogue("mute"))
		first <- err
	}()
	eventually(t, 5*time.Second, "the start", func() bool { return host.Status("my-rogue").State == pluginhost.StateStarting })
	host.Retire("my-rogue", 1)
	if err := <-first; err != pluginhost.ErrOutdated {
		t.Errorf("who waited got %v", err)
	}
	if st := host.Status("my-rogue"); st.State != pluginhost.StateStopped || st.Crashes != 0 {
		t.Errorf("status %+v", st)
	}
}

// TestProcessOfOneModel: each model has its own, which goes with it.
func TestProcessOfOneModel(t *testing.T) {
	t.Parallel()
	var told atomic.Int32
	var data string
	host, _ := newHost(t, func(c *pluginhost.Config) {
		data = c.DataDir
		c.Changed = func(string, pluginhost.Status) { told.Add(1) }
	})
	d := func(model string) pluginhost.Deployment {
		d := echo(nil)
		d.Model = model
		return d
	}
	a, leaveA := use(t, host, d("a/b"))
	again, leaveAgain := use(t, host, d("a/b"))
	b, leaveB := use(t, host, d("b"))
	defer leaveB()
	if a != again || a == b {
		t.Fatal("not one for each model")
	}
	if st := host.Status("my-echo"); st.State != pluginhost.StateUp || len(st.Pids) != 2 || !slices.Contains(st.Pids, st.Pid) {
		t.Errorf("status %+v", st)
	}
	if names := entries(t, data+"/my-echo"); !slices.Equal(names, []string{"a%2Fb", "b"}) {
		t.Errorf("data folders %q", names)
	}
	leaveA()
	leaveAgain()
	ends(t, a)
	eventually(t, 10*time.Second, "it is not counted any more", func() bool { return slices.Equal(host.Status("my-echo").Pids, []int{b.Pid()}) })
	next, leave := use(t, host, d("a/b"))
	defer leave()
	if next == a || gone(b.Pid()) {
		t.Error("not a new one, or the other's is gone")
	}
}

// TestProcessOfOneModelForNobody: who leaves while it starts leaves none behind.
func TestProcessOfOneModelForNobody(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	d := rogue("mute")
	d.Model = "m"
	for range 2 {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, _, err := host.Use(ctx, d)
			left <- err
		}()
		eventually(t, 5*time.Second, "the start", func() bool { return host.Status("my-rogue").State == pluginhost.StateStarting })
		leave()
		if err := <-left; sdk.CodeOf(err) != sdk.CodeCanceled {
			t.Errorf("got %v", err)
		}
		eventually(t, 10*time.Second, "nothing is left", func() bool { return host.Status("my-rogue").State == pluginhost.StateStopped })
	}
}

// TestRunFolders: those of the old and the new process are not the same.
func TestRunFolders(t *testing.T) {
	t.Parallel()
	var run string
	host, _ := newHost(t, func(c *pluginhost.Config) { run = c.RunDir })
	old, release := use(t, host, echo(map[string]any{"tokens": 1}))
	connect(t, host, echo(map[string]any{"tokens": 2}))
	if names := entries(t, run); len(names) != 3 { // and the lock
		t.Errorf("while both run: %v", names)
	}
	release()
	ends(t, old)
	if names := entries(t, run); len(names) != 2 {
		t.Errorf("after the end of one: %v", names)
	}
}

// TestChangesUnderLoad: whoever uses a process has it until he is done, whatever changes.
func TestChangesUnderLoad(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	var revision atomic.Uint64
	failed := make(chan error, 8)
	for range cap(failed) {
		go func() {
			var err error
			for i := 0; i < 15 && err == nil; i++ {
				err = useOnce(host, &revision)
			}
			failed <- err
		}()
	}
	for range 5 {
		host.Retire("my-echo", revision.Add(1))
		connect(t, host, pluginhost.Deployment{ID: "my-echo", Plugin: "echo", Revision: revision.Load()})
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	eventually(t, 10*time.Second, "one is left", func() bool { return len(host.Status("my-echo").Pids) == 1 })
	if st := host.Status("my-echo"); st.Crashes != 0 || st.Restarts != 0 {
		t.Errorf("status %+v", st)
	}
}

func useOnce(host *pluginhost.Host, revision *atomic.Uint64) error {
	p, release, err := host.Use(context.Background(), pluginhost.Deployment{ID: "my-echo", Plugin: "echo", Revision: revision.Load()})
	if err == pluginhost.ErrOutdated {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	for range 3 {
		if _, err := p.Describe(context.Background()); err != nil {
			return fmt.Errorf("%d ended under its user: %w", p.Pid(), err)
		}
	}
	if _, err := os.Stat("/proc"); err == nil && gone(p.Pid()) {
		return fmt.Errorf("%d ended under its user", p.Pid())
	}
	return nil
}
