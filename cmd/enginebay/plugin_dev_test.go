package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bayCommand runs the program, and returns what it says.
func bayCommand(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(build, "enginebay"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("enginebay %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// working is a "plugin dev" that runs.
type working struct {
	*journal
	cmd  *exec.Cmd
	done chan error
}

func startDev(t *testing.T, home, dir string) *working {
	t.Helper()
	w := &working{&journal{}, exec.Command(filepath.Join(build, "enginebay"), "plugin", "dev", dir, "--home", home), make(chan error, 1)}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.cmd.Stderr = w.cmd.Stdout
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(w, out); w.done <- w.cmd.Wait() }()
	t.Cleanup(w.end)
	return w
}

// end is Ctrl-C.
func (w *working) end() {
	_ = w.cmd.Process.Signal(syscall.SIGINT)
	<-w.done
	w.done <- nil
}

// next waits for a text behind what was said before, and forgets all until then.
func (w *working) next(t *testing.T, text string) {
	t.Helper()
	w.wait(t, text, time.Minute)
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all.String()
	w.all.Reset()
	w.all.WriteString(all[strings.Index(all, text)+len(text):])
}

// replace changes a text in a source.
func replace(t *testing.T, file, old, new string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q: %v", file, old, err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// says waits until an answer has a text in it.
func (b *bay) says(t *testing.T, model, text string) {
	t.Helper()
	body := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		_, body = b.do("POST", "/v1/chat/completions", `{"model": "`+model+`", "messages": [{"role": "user", "content": "Tell me"}]}`)
		if strings.Contains(body, text) {
			return
		}
	}
	t.Fatalf("%s never says %q: %s", model, text, body)
}

// TestPluginDev is a day of an author.
func TestPluginDev(t *testing.T) {
	home, dir := newHome(t), filepath.Join(t.TempDir(), "engine-words")
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(goEnv(t, "GOMODCACHE"))+"/cache/download,"+goEnv(t, "GOPROXY"))
	t.Setenv("GOSUMDB", "off")
	bayCommand(t, "plugin", "new", "engine", "words", "--dir", dir, "--sdk", mustAbs(root))
	sample := filepath.Join(dir, "sample.txt")
	if err := os.WriteFile(sample, []byte("First."), 0o600); err != nil {
		t.Fatal(err)
	}
	dev := startDev(t, home, dir)
	dev.next(t, "Its settings go into "+filepath.Join(home, "engines/words.json"))
	dev.next(t, "No server runs yet; one that starts takes it")
	b := startServer(t, home)
	b.says(t, "words/sample", "First.")

	if err := os.WriteFile(sample, []byte("Second."), 0o600); err != nil {
		t.Fatal(err)
	}
	dev.next(t, "sample.txt changed: built words 0.1.0 in")
	dev.next(t, "The server at "+b.addr()+" runs it")
	b.says(t, "words/sample", "Second.")

	replace(t, filepath.Join(dir, "engine.go"), "newChain()", "noChain()")
	dev.next(t, "engine.go changed: go build")
	dev.next(t, "undefined: noChain")
	dev.next(t, "What was built before goes on running.")
	b.says(t, "words/sample", "Second.")
	replace(t, filepath.Join(dir, "engine.go"), "noChain()", "newChain()")
	dev.next(t, "The server at "+b.addr()+" runs it")

	replace(t, filepath.Join(dir, "main.go"), "{ sdk.Serve(plugin) }", `{ panic("not today") }`)
	dev.next(t, "the server does not take it, and what ran before goes on running")
	dev.next(t, "not today")
	b.says(t, "words/sample", "Second.")

	second := exec.Command(filepath.Join(build, "enginebay"), "plugin", "dev", dir, "--home", home)
	if out, err := second.CombinedOutput(); err == nil || !strings.Contains(string(out), "plugin words is being worked on already") {
		t.Errorf("a second one: %v\n%s", err, out)
	}
	dev.end()
	if status, body := b.do(http.MethodGet, "/v1/plugins/words", ""); status != http.StatusNotFound {
		t.Errorf("after the end the plugin is still there: %d %s", status, body)
	}
	if _, err := os.Stat(filepath.Join(home, "engines/words.json")); err == nil {
		t.Error("engines/words.json is left, and nobody has written into it")
	}
	if left, err := filepath.Glob(filepath.Join(home, "cache/dev/words/*")); err != nil || len(left) > 0 {
		t.Errorf("builds are left: %q, %v", left, err)
	}
}
