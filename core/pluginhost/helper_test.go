package pluginhost_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// home returns a folder with a path that is short enough for sockets.
func home(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// newHost returns a host of the two plugins, and its log. It is closed with the test.
func newHost(t testing.TB, more ...func(*pluginhost.Config)) (*pluginhost.Host, *journal) {
	t.Helper()
	log, dir := &journal{}, home(t)
	c := pluginhost.Config{Plugins: pluginhost.Dirs(plugins), RunDir: filepath.Join(dir, "run"), DataDir: filepath.Join(dir, "data"),
		Log: hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true, Level: hclog.Debug})}
	for _, change := range more {
		change(&c)
	}
	host, err := pluginhost.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return host, log
}

// echo and rogue are deployments of the two plugins.
func echo(settings map[string]any) pluginhost.Deployment {
	return pluginhost.Deployment{ID: "my-echo", Plugin: "echo", Settings: settings}
}

func rogue(how string) pluginhost.Deployment {
	return pluginhost.Deployment{ID: "my-rogue", Plugin: "rogue", Env: map[string]string{"ROGUE": how}}
}

func connect(t testing.TB, host *pluginhost.Host, d pluginhost.Deployment) *pluginhost.Process {
	t.Helper()
	p, err := host.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// load loads an instance with settings of the request.
func load(t testing.TB, p *pluginhost.Process, settings string) (sdk.Instance, error) {
	t.Helper()
	return p.Load(t.Context(), sdk.LoadRequest{Model: sdk.Model{ID: "m"}, Settings: json.RawMessage(settings)}, nil)
}

// refused wants an error with a code and words.
func refused(t *testing.T, err error, code sdk.Code, words ...string) {
	t.Helper()
	if err == nil || sdk.CodeOf(err) != code {
		t.Errorf("error %v, with code %s; want %s", err, sdk.CodeOf(err), code)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

// eventually waits for what must come to be.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
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

// journal is a log that tests look into.
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

// lines returns the entries of a logger whose message has a prefix.
func (j *journal) lines(t testing.TB, module, prefix string) []map[string]any {
	t.Helper()
	var found []map[string]any
	scanner := bufio.NewScanner(strings.NewReader(j.String()))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var entry map[string]any
		if err := json.Unmarshal(scanner.Bytes(), &entry); err != nil {
			t.Fatalf("the core's own log is broken: %v: %.200q", err, scanner.Text())
		}
		if entry["@module"] == module && strings.HasPrefix(entry["@message"].(string), prefix) {
			found = append(found, entry)
		}
	}
	return found
}

// line waits for such an entry.
func (j *journal) line(t testing.TB, module, prefix string) map[string]any {
	t.Helper()
	var found []map[string]any
	eventually(t, 10*time.Second, "a line of "+module+": "+prefix, func() bool {
		found = j.lines(t, module, prefix)
		return len(found) > 0
	})
	return found[0]
}
