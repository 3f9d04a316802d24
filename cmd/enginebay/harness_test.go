package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// root is the top of the project; build is what "make build llamacpp" makes there.
const root = "../.."

var build = mustAbs(filepath.Join(root, "build"))

func mustAbs(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return abs
}

// TestMain gets what the tests need, a real llama-server included.
func TestMain(m *testing.M) {
	testscript.Main(made{m}, map[string]func(){"enginebay": func() { os.Exit(Main()) }})
}

// made makes the programs before the tests run, not before each command of a script.
type made struct{ m *testing.M }

func (t made) Run() int {
	cmd := exec.Command("make", "-s", "-C", root, "build", "llamacpp", "postgres")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "make build llamacpp postgres:", err)
		return 1
	}
	return t.m.Run()
}

// bay is a running "enginebay serve" with a home of its own.
type bay struct {
	t    testing.TB
	home string
	url  string // http://127.0.0.1:PORT
	cmd  *exec.Cmd
	log  *journal
	done chan struct{} // closed when the server has ended
}

// newHome makes a home with tiny-guide in it, as it is and in three variants.
func newHome(t testing.TB) string {
	t.Helper()
	home := t.TempDir()
	weights := mustAbs(filepath.Join(root, "examples/models/tiny-guide/tiny-guide.gguf"))
	template, err := os.ReadFile("testdata/clients/tools.jinja")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"models/tiny-guide/model.json":    fmt.Sprintf(`{"sources": [{"url": %q}]}`, weights),
		"models/tiny-embed/model.json":    fmt.Sprintf(`{"sources": [{"url": %q}], "settings": {"embedding": true}}`, weights),
		"models/tiny-tools/model.json":    fmt.Sprintf(`{"sources": [{"url": %q}], "settings": {"chat_template": %q}}`, weights, template),
		"models/variants/with-slash.json": fmt.Sprintf(`{"sources": [{"url": %q}], "parameters": {"temperature": 0}}`, weights),
		"models/variants/other.json":      fmt.Sprintf(`{"sources": [{"url": %q}]}`, weights),
	} {
		writeFile(t, filepath.Join(home, name), content)
	}
	return home
}

func writeFile(t testing.TB, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startServer starts a server on a free port and waits until it serves.
func startServer(t testing.TB, home string) *bay {
	t.Helper()
	return startServerWith(t, home, "--log-level", "debug")
}

func startServerWith(t testing.TB, home string, flags ...string) *bay {
	t.Helper()
	return startServerOf(t, home, append([]string{"--plugin-dir", filepath.Join(build, "examples")}, flags...)...)
}

// startServerOf starts a server without the plugins of the examples.
func startServerOf(t testing.TB, home string, flags ...string) *bay {
	t.Helper()
	b := &bay{t: t, home: home, log: &journal{}, done: make(chan struct{})}
	b.cmd = exec.Command(filepath.Join(build, "enginebay"), append([]string{"serve", "--home", home, "--addr", "127.0.0.1:0",
		"--catalogue", "false"}, flags...)...)
	out, err := b.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(b.done)
		_, _ = io.Copy(b.log, out)
		_ = b.cmd.Wait()
	}()
	t.Cleanup(b.stop)
	line := b.log.wait(t, "serving: url=", 10*time.Second)
	_, rest, _ := strings.Cut(line, "url=")
	b.url, _, _ = strings.Cut(rest, "/v1")
	return b
}

func (b *bay) stop() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.done:
	case <-time.After(20 * time.Second):
		b.t.Errorf("the server does not end:\n%s", b.log.text())
		_ = b.cmd.Process.Kill()
	}
}

func (b *bay) addr() string { return strings.TrimPrefix(b.url, "http://") }

func (b *bay) do(method, path, body string) (int, string) {
	b.t.Helper()
	resp := b.open(method, path, body)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(data)
}

func (b *bay) open(method, path, body string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// journal is a log that tests can wait on.
type journal struct {
	mu  sync.Mutex
	all strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all.Write(p)
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all.String()
}

// wait returns the first line with a text in it.
func (j *journal) wait(t testing.TB, text string, within time.Duration) string {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(2 * time.Millisecond) {
		lines := bufio.NewScanner(strings.NewReader(j.text()))
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return lines.Text()
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q within %v:\n%s", text, within, j.text())
		}
	}
}

// httpPut is a request that may fail: the server may be what is killed.
func httpPut(url string) (*http.Response, error) {
	req, err := http.NewRequest("PUT", url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}
