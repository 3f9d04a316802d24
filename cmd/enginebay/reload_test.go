package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// newEchoHome makes a home with a model of the fake engine.
func newEchoHome(t *testing.T, config string) string {
	t.Helper()
	home := t.TempDir()
	writeFile(t, filepath.Join(home, "models/echo/model.json"), `{"engine": "echo", "format": "api", "settings": {"tokens": 20, "tokens_per_second": 2000}}`)
	writeFile(t, filepath.Join(home, configFile), config)
	return home
}

// waitCount waits until a text is n times in the log.
func (b *bay) waitCount(text string, n int) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); strings.Count(b.log.text(), text) < n; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("the log does not say %q %d times:\n%s", text, n, b.log.text())
		}
	}
}

// statusAs is the status of a request with a Host header.
func (b *bay) statusAs(host string) int {
	b.t.Helper()
	req, err := http.NewRequest("GET", b.url+"/v1/models", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// answersAs checks which of two names the server answers to.
func (b *bay) answersAs(host string) {
	b.t.Helper()
	for _, h := range []string{"a.example", "b.example"} {
		if status := b.statusAs(h); (status == 200) != (h == host) {
			b.t.Errorf("as %s: %d, and the name is %s", h, status, host)
		}
	}
}

// TestReload changes the settings of a server that works, in the ways that editors
// write, and by SIGHUP. Every request is answered, every stream whole.
func TestReload(t *testing.T) {
	home := newEchoHome(t, "host_names: [a.example]\n")
	b := startServerWith(t, home, "--max-loaded", "3")
	b.answersAs("a.example")
	stop := load(t, b)
	file := filepath.Join(home, configFile)
	for i := 1; i <= 12; i++ {
		host := []string{"a.example", "b.example"}[i%2]
		text := fmt.Sprintf("host_names: [%s]\nlog_levels: {api: %s}\nmax_loaded: %d\n", host, []string{"info", "debug"}[i%2], i)
		switch i % 3 {
		case 0: // in place
			writeFile(t, file, text)
		case 1: // a new file in the place of the old one
			writeFile(t, file+".new", text)
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		case 2: // the old one put aside first
			if err := os.Rename(file, file+"~"); err != nil {
				t.Fatal(err)
			}
			writeFile(t, file, text)
		}
		if i%4 == 0 {
			_ = b.cmd.Process.Signal(syscall.SIGHUP)
		}
		b.waitCount(`settings read again: changed="host_names, log_levels"`, i)
		b.answersAs(host)
	}
	stop()
	if strings.Contains(b.log.text(), "max_loaded") {
		t.Error("a flag gave way to the file")
	}
}

// load sends requests until stop, which checks that all were answered.
func load(t *testing.T, b *bay) (stop func()) {
	t.Helper()
	var wait sync.WaitGroup
	var answered, wrong atomic.Int64
	ended := make(chan struct{})
	for i := range 8 {
		wait.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				stream := i%2 == 0
				status, body := b.do("POST", "/v1/chat/completions", fmt.Sprintf(`{"model":"echo","stream":%t,"messages":[{"role":"user","content":"hello"}]}`, stream))
				if status != 200 || strings.Contains(body, `"error"`) || stream && !strings.Contains(body, "[DONE]") {
					wrong.Add(1)
				}
				answered.Add(1)
			}
		})
	}
	return func() {
		t.Helper()
		close(ended)
		wait.Wait()
		if wrong.Load() > 0 || answered.Load() < 100 {
			t.Errorf("%d of %d requests were not answered well:\n%s", wrong.Load(), answered.Load(), b.log.text())
		}
		t.Logf("%d requests", answered.Load())
	}
}

// A file with a fault changes nothing, and the log says which field, where and why.
func TestReloadOfABadFile(t *testing.T) {
	home := newEchoHome(t, "host_names: [a.example]\n")
	b := startServerWith(t, home)
	file := filepath.Join(home, configFile)
	for i, test := range []struct{ text, says string }{
		{"host_names: [b.example]\nkeep_alive: soon\n", `enginebay.yaml:2:13: /keep_alive: expected a time such as 30m, or forever, got "soon"`},
		{"host_name: [b.example]\nkeep_alive: soon\n", `did you mean host_names?; `},
		{"host_names: [b.example\n", "enginebay.yaml:"},
	} {
		writeFile(t, file, test.text)
		b.waitCount("settings not read again; the server goes on with those it has", i+1)
		if log := strings.ReplaceAll(b.log.text(), `\"`, `"`); !strings.Contains(log, test.says) {
			t.Errorf("no %q in\n%s", test.says, log)
		}
		b.answersAs("a.example")
	}
	writeFile(t, file, "host_names: [b.example]\nplugin_env: [CUDA_VISIBLE_DEVICES]\n")
	b.waitCount("settings read again: changed=host_names", 1)
	b.answersAs("b.example")
	if line := b.log.wait(t, "takes effect at the next start", time.Second); !strings.Contains(line, "setting=plugin_env") || !strings.Contains(line, "enginebay.yaml:2") {
		t.Error(line)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	b.waitCount("settings read again: changed=host_names", 2)
	b.answersAs("none")
	_ = b.cmd.Process.Signal(syscall.SIGHUP)
	b.waitCount("settings read again; nothing changes now", 1)
}
