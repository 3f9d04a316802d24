package pluginhost_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// crash kills a process and waits until the host knows.
func crash(t *testing.T, host *pluginhost.Host, id string, p *pluginhost.Process) {
	t.Helper()
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the host to notice", func() bool { return host.Status(id).State != pluginhost.StateUp })
}

// together connects many times at once.
func together(t *testing.T, host *pluginhost.Host, n int, d func(i int) pluginhost.Deployment) []*pluginhost.Process {
	t.Helper()
	got := make([]*pluginhost.Process, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			p, err := host.Connect(t.Context(), d(i))
			if err != nil {
				t.Errorf("connect: %v", err)
			}
			got[i] = p
		})
	}
	all.Wait()
	return got
}

func TestOneProcessForManyCallers(t *testing.T) {
	t.Parallel()
	host, log := newHost(t)
	if st := host.Status("my-echo"); st.State != pluginhost.StateStopped {
		t.Errorf("before the first use: %+v", st)
	}
	got := together(t, host, 50, func(int) pluginhost.Deployment { return echo(nil) })
	for _, p := range got {
		if p != got[0] {
			t.Fatal("two processes")
		}
	}
	if n := len(log.lines(t, "my-echo", "plugin started")); n != 1 {
		t.Errorf("%d starts", n)
	}
	if st := host.Status("my-echo"); st.State != pluginhost.StateUp || st.Pid != got[0].Pid() || st.Crashes != 0 || st.Err != nil {
		t.Errorf("status %+v", st)
	}
}

func TestDeathIsNoticedWhenIdle(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	p := connect(t, host, echo(nil))
	inst, err := load(t, p, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	crash(t, host, "my-echo", p)
	if st := host.Status("my-echo"); st.State != pluginhost.StateCrashed || st.Crashes != 1 || st.Pid != 0 || st.Err == nil {
		t.Errorf("status %+v", st)
	}
	refused(t, inst.Wait(), sdk.CodeUnavailable) // and whoever uses it learns it too
	next := connect(t, host, echo(nil))
	if next.Pid() == p.Pid() {
		t.Error("the dead process is handed out")
	}
	if _, err := load(t, next, `{}`); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestFiveCrashesMakeADeploymentFailed(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	d := echo(map[string]any{"crash_on": "configure"})
	start := time.Now()
	for i := range 5 {
		_, err := host.Connect(t.Context(), d)
		refused(t, err, sdk.CodeUnavailable, "did not start")
		if st := host.Status("my-echo"); st.Crashes != i+1 {
			t.Fatalf("after crash %d: %+v", i+1, st)
		}
	}
	if took := time.Since(start); took < 1750*time.Millisecond {
		t.Errorf("five starts in %v; the backoff is 0, 0, 250, 500, 1000 ms", took)
	}
	start = time.Now()
	_, err := host.Connect(t.Context(), d)
	refused(t, err, sdk.CodeUnavailable, "engine my-echo failed: it ended 5 times within a minute", "crashing, as asked")
	if took := time.Since(start); took > time.Second {
		t.Errorf("to refuse takes %v", took)
	}
	if st := host.Status("my-echo"); st.State != pluginhost.StateFailed || st.Err == nil {
		t.Errorf("status %+v", st)
	}
	host.Reset("my-echo")
	if st := host.Status("my-echo"); st.State != pluginhost.StateStopped {
		t.Errorf("after Reset: %+v", st)
	}
	_, err = host.Connect(t.Context(), d)
	refused(t, err, sdk.CodeUnavailable, "did not start") // tried again
	connect(t, host, echo(nil))                           // new settings are a new chance
}

func TestWrongSettingsAreNoCrash(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	for range 7 {
		_, err := host.Connect(t.Context(), echo(map[string]any{"tokens": "many"}))
		refused(t, err, sdk.CodeInvalid, "my-echo", "tokens")
	}
	if st := host.Status("my-echo"); st.State != pluginhost.StateStopped || st.Crashes != 0 {
		t.Errorf("status %+v", st)
	}
	if p := connect(t, host, echo(map[string]any{"tokens": 3})); p.Settings["ctx_len"] == nil || fmt.Sprint(p.Settings["tokens"]) != "3" {
		t.Errorf("settings %v; want the defaults too", p.Settings)
	}
}

func TestSettingsThatChangeDuringAStart(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	first := make(chan error, 1)
	d := rogue("mute")
	go func() {
		_, err := host.Connect(t.Context(), d)
		first <- err
	}()
	eventually(t, 5*time.Second, "the first start", func() bool { return host.Status("my-rogue").State == pluginhost.StateStarting })
	start := time.Now()
	connect(t, host, rogue(""))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it waited %v for a start that nobody wants", took)
	}
	if err := <-first; err != nil {
		t.Errorf("the first caller gets %v; there is a process for it", err)
	}
	if st := host.Status("my-rogue"); st.Crashes != 0 {
		t.Errorf("status %+v", st)
	}
}

// One deployment's crash is nobody else's, not even of the same plugin.
func TestCrashesAreIsolated(t *testing.T) {
	t.Parallel()
	host, _ := newHost(t)
	one := connect(t, host, pluginhost.Deployment{ID: "one", Plugin: "echo"})
	two := connect(t, host, pluginhost.Deployment{ID: "two", Plugin: "echo"})
	if one.Pid() == two.Pid() {
		t.Fatal("they share a process")
	}
	inst, err := load(t, two, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, one, `{"crash_on": "load"}`); err == nil {
		t.Fatal("no crash")
	}
	<-one.Done()
	if err := inst.Close(t.Context()); err != nil {
		t.Errorf("the other's instance: %v", err)
	}
	if st := host.Status("two"); st.State != pluginhost.StateUp || st.Crashes != 0 {
		t.Errorf("status of the other: %+v", st)
	}
}
