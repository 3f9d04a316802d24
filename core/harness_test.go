package core_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/enginebay/enginebay/core"
)

// plugins is a folder with the fake engine in it, built once.
var plugins string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "core")
	if err != nil {
		panic(err)
	}
	plugins = dir
	if err := buildEcho(filepath.Join(dir, "engine-echo")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if out, err := exec.Command("go", "build", "-o", dir+"/importer", "./testdata/importer").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the fake importer: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/enginebay/enginebay/sdk/process.fork")); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines leak:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func buildEcho(dir string) error {
	const source = "../examples/engine-echo"
	out, err := exec.Command("go", "build", "-o", dir+"/bin/", source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, out)
	}
	manifest, err := os.ReadFile(filepath.Join(source, "plugin.json"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "plugin.json"), manifest, 0o600)
}

// house is a runtime under test.
type house struct {
	*core.Runtime
	t    testing.TB
	home string
	log  *journal

	logger hclog.Logger
}

// open opens a runtime with models: id → further fields of the model's file.
func open(t testing.TB, limits core.Limits, models map[string]string) *house {
	t.Helper()
	return openWith(t, core.Config{Limits: limits, PluginDirs: []string{plugins}}, models)
}

// openWith is open with something else than the usual.
func openWith(t testing.TB, c core.Config, models map[string]string) *house {
	t.Helper()
	h := &house{t: t, home: t.TempDir(), log: &journal{}}
	for id, fields := range models {
		h.model(id, fields)
	}
	h.logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: h.log})
	c.Home, c.PluginDirs, c.Log = h.home, append([]string{filepath.Join(h.home, "plugins")}, c.PluginDirs...), h.logger
	var err error
	if h.Runtime, err = core.Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !h.Closed() {
			h.Close()
		}
		if c := h.Counts(); c != (core.Counts{}) {
			t.Errorf("after the end there is %+v", c)
		}
		if t.Failed() {
			t.Logf("the log:\n%s", h.log)
		}
	})
	return h
}

func (h *house) model(id, fields string) {
	h.t.Helper()
	if fields != "" {
		fields = ", " + fields
	}
	h.write("models/"+id+"/model.json", `{"engine": "echo", "format": "api"`+fields+`}`)
}

// write writes a file in one step: nobody sees half of it.
func (h *house) write(name, content string) {
	h.t.Helper()
	file := filepath.Join(h.home, name)
	hidden := filepath.Join(filepath.Dir(file), ".new")
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(hidden, []byte(content), 0o600)
	}
	if err == nil {
		err = os.Rename(hidden, file)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// acquire takes a lease, which must be had within ten seconds.
func (h *house) acquire(id string, ask core.Ask) *core.Lease {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	lease, err := h.Acquire(ctx, id, ask)
	if err != nil {
		h.t.Fatalf("acquire %s: %v", id, err)
	}
	return lease
}

// use is a request that is over at once.
func (h *house) use(id string) {
	h.t.Helper()
	h.acquire(id, core.Ask{}).Release()
}

// start is what a person does; crashes before it are forgiven, so that it waits for none.
func (h *house) start(id string) {
	h.t.Helper()
	if _, err := h.Start(h.t.Context(), id, core.Ask{}, nil); err != nil {
		h.t.Fatal(err)
	}
}

// once is like use, in any goroutine.
func (h *house) once(id string, ask core.Ask) error {
	lease, err := h.Acquire(h.t.Context(), id, ask)
	if err == nil {
		lease.Release()
	}
	return err
}

// asked is what came of an Acquire.
type asked struct {
	lease *core.Lease
	err   error
}

// ask acquires in the background.
func (h *house) ask(ctx context.Context, id string, ask core.Ask) <-chan asked {
	c := make(chan asked, 1)
	go func() {
		lease, err := h.Acquire(ctx, id, ask)
		c <- asked{lease, err}
	}()
	return c
}

// come returns what was asked for, which must come within ten seconds.
func come[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		panic("nothing came within ten seconds: " + t.Name()) // with the goroutines that hang
	}
}

// until waits until something is so.
func (h *house) until(what string, so func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within ten seconds: %s (%+v)", what, h.Counts())
		}
	}
}

// waiting waits until so many requests wait.
func (h *house) waiting(n int) {
	h.t.Helper()
	h.until(fmt.Sprintf("%d requests wait", n), func() bool { return h.Counts().Waiting == n })
}

// is says whether a model is in a state, and in no transition.
func (h *house) is(id, state string) bool {
	m, err := h.Model(id)
	return err == nil && m.State == state && m.Transition == ""
}

// becomes waits for a state.
func (h *house) becomes(id, state string) {
	h.t.Helper()
	h.until(id+" is "+state, func() bool { return h.is(id, state) })
}

// starting waits until a model loads: until the engine itself says so.
func (h *house) starting(id string) {
	h.t.Helper()
	h.until(id+" loads", func() bool {
		m, _ := h.Model(id)
		return m.Progress != nil && m.Progress.Fraction >= 0
	})
}

// kill ends the fake engine's process as the system would.
func (h *house) kill() {
	for _, e := range h.Engines() {
		for _, pid := range e.Process.Pids {
			kill(pid)
		}
	}
}

func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// journal is a log that tests can look at.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) count(text string) int { return bytes.Count([]byte(j.String()), []byte(text)) }

func forever() *time.Duration { return span(core.Forever) }

func span(d time.Duration) *time.Duration { return &d }

// listen subscribes to what happens.
func (h *house) listen(after uint64) *core.Subscription {
	h.t.Helper()
	s, err := h.Subscribe(after)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}
