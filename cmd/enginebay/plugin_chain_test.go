package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chain is an author with keys, who publishes versions of the fake engine in a
// registry that is had over https.
type chain struct {
	t    *testing.T
	work string // keys, archives, and the registry in a folder of it
	url  string
	ca   string // file of the authority
}

func newChain(t *testing.T) *chain {
	t.Helper()
	k := &chain{t: t, work: t.TempDir()}
	for _, name := range []string{"publisher", "registry"} {
		bayCommand(t, "plugin", "key", "new", "--no-password", k.file(name))
	}
	server := httptest.NewTLSServer(http.FileServer(http.Dir(k.file("public"))))
	t.Cleanup(server.Close)
	k.url, k.ca = server.URL, k.file("ca.pem")
	writeFile(t, k.ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	return k
}

func (k *chain) file(name string) string { return filepath.Join(k.work, name) }

// publish packs, signs and publishes versions.
func (k *chain) publish(versions ...release) {
	k.t.Helper()
	args := []string{"plugin", "publish", "--to", k.file("public"), "--key", k.file("registry.key"), "--name", "main", "--publisher", "enginebay=" + k.file("publisher.pub")}
	for _, v := range versions {
		archive := k.file("echo-" + v.number + ".tar.zst")
		bayCommand(k.t, "plugin", "pack", v.tree(k.t), "--no-build", "-o", archive)
		bayCommand(k.t, "plugin", "sign", archive, "--key", k.file("publisher.key"))
		args = append(args, archive)
	}
	bayCommand(k.t, args...)
}

// A release is one of the fake engine.
type release struct {
	number string
	strict bool // its Configure refuses "offers"
}

// tree is the version's package before it is packed.
func (v release) tree(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	source := mustAbs(filepath.Join(root, "examples/engine-echo"))
	main := edited(t, filepath.Join(source, "main.go"), `"0.1.0"`, `"`+v.number+`"`)
	overlay := map[string]string{filepath.Join(source, "main.go"): main}
	if v.strict {
		overlay[filepath.Join(source, "engine.go")] = edited(t, filepath.Join(source, "engine.go"), `crashIf(s.CrashOn == "configure")`,
			`if len(s.Offers) > 0 { return sdk.Errorf(sdk.CodeInvalid, "no offers are taken any more") }`)
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	writeFile(t, file, string(text))
	if out, err := exec.Command("go", "build", "-overlay", file, "-ldflags", "-s -w", "-o", filepath.Join(dir, "bin")+"/", source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	manifest := edited(t, filepath.Join(source, "plugin.json"), `"version": "0.1.0"`,
		fmt.Sprintf(`"version": %q, "platform": {"os": %q, "arch": %q}`, v.number, runtime.GOOS, runtime.GOARCH))
	if err := os.Rename(manifest, filepath.Join(dir, "plugin.json")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// edited is a copy of a file with another text in it.
func edited(t *testing.T, file, old, new string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), filepath.Base(file))
	writeFile(t, to, string(text))
	replace(t, to, old, new)
	return to
}

// Traffic is requests that stream, one after the other, on several ways at once.
type traffic struct {
	stop   chan struct{}
	ways   sync.WaitGroup
	done   atomic.Int64
	mu     sync.Mutex
	faults []string
}

func (b *bay) underLoad(models ...string) *traffic {
	l := &traffic{stop: make(chan struct{})}
	for _, model := range models {
		l.ways.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				if fault := b.streams(model); fault != "" {
					l.mu.Lock()
					l.faults = append(l.faults, fault)
					l.mu.Unlock()
				}
				l.done.Add(1)
			}
		})
	}
	return l
}

// streams is what is wrong with an answer that should be whole.
func (b *bay) streams(model string) (fault string) {
	body := fmt.Sprintf(`{"model": %q, "stream": true, "messages": [{"role": "user", "content": "x"}]}`, model)
	resp, err := http.Post(b.url+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if words := strings.Count(string(text), "echo"); err != nil || resp.StatusCode != 200 || !strings.HasSuffix(strings.TrimSpace(string(text)), "data: [DONE]") || words < 20 {
		return fmt.Sprintf("%d %v %s", resp.StatusCode, err, text)
	}
	return ""
}

// more waits for so many further answers.
func (l *traffic) more(t *testing.T, n int64) {
	t.Helper()
	before := l.done.Load()
	for deadline := time.Now().Add(time.Minute); l.done.Load() < before+n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("within a minute %d answers", l.done.Load()-before)
		}
	}
}

// end says what went wrong.
func (l *traffic) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.ways.Wait()
	if len(l.faults) > 0 {
		t.Errorf("%d of %d requests failed, first: %s", len(l.faults), l.done.Load(), l.faults[0])
	}
}

// shows insists on what a plugin's answer has in it.
func (b *bay) shows(t *testing.T, method, path, body string, status int, says ...string) string {
	t.Helper()
	got, answer := b.do(method, path, body)
	if got != status {
		t.Errorf("%s %s: %d %.600s", method, path, got, answer)
	}
	for _, text := range says {
		if !strings.Contains(answer, text) {
			t.Errorf("%s %s does not say %q: %.1500s", method, path, text, answer)
		}
	}
	return answer
}

// TestPluginChain goes all the way with the real program: an author packs, signs and
// publishes; an operator installs, upgrades, and goes back, while requests stream.
func TestPluginChain(t *testing.T) {
	k, home := newChain(t), t.TempDir()
	k.publish(release{number: "0.1.0"}, release{number: "0.2.0"}, release{number: "0.3.0"})
	writeFile(t, filepath.Join(home, "enginebay.yaml"), "download_ca: "+k.ca+"\n")
	writeFile(t, filepath.Join(home, "models/m/model.json"), `{"engine": "echo", "format": "api", "settings": {"tokens": 20, "tokens_per_second": 100}}`)
	writeFile(t, filepath.Join(home, "models/n/model.json"), `{"engine": "second", "format": "api", "settings": {"tokens": 20, "tokens_per_second": 100}}`)
	writeFile(t, filepath.Join(home, "engines/second.json"), `{"engine": "echo", "settings": {"offers": ["far"]}}`)
	bayCommand(t, "plugin", "registry", "add", "main", k.url, "--key", k.file("registry.pub"), "--home", home)
	if said := bayCommand(t, "plugin", "install", "echo@0.1.0", "--yes", "--home", home); !strings.Contains(said, "Installed enginebay/echo 0.1.0") {
		t.Errorf("install says %s", said)
	}
	b := startServerOf(t, home)
	l := b.underLoad("m", "m", "n")
	l.more(t, 3)

	said := bayCommand(t, "plugin", "install", "echo@0.2.0", "--yes", "--home", home, "--addr", b.addr())
	if !strings.Contains(said, "Installed enginebay/echo 0.2.0 (before: 0.1.0); the running server uses it.") {
		t.Errorf("the first upgrade says %s", said)
	}
	b.shows(t, "GET", "/v1/engines/second", "", 200, `"version":"0.2.0"`)
	l.more(t, 6)

	var plan struct{ Digest string }
	if err := json.Unmarshal([]byte(b.shows(t, "POST", "/v1/plugins", `{"source": "enginebay/echo"}`, 200, `"object":"plugin.plan"`)), &plan); err != nil {
		t.Fatal(err)
	}
	b.shows(t, "POST", "/v1/plugins", `{"source": "enginebay/echo", "accept": "`+plan.Digest+`"}`, 200, `"before":"0.2.0"`, `"used":true`)
	l.more(t, 6)

	k.publish(release{number: "0.4.0", strict: true})
	const reason = "with second it did not come up"
	bad := exec.Command(filepath.Join(build, "enginebay"), "plugin", "install", "echo", "--yes", "--home", home, "--addr", b.addr())
	if out, err := bad.CombinedOutput(); err == nil || !strings.Contains(string(out), "did not come up in the running server, which went back to 0.3.0") || !strings.Contains(string(out), "no offers are taken any more") {
		t.Errorf("what does not come up: %v\n%s", err, out)
	}
	b.shows(t, "GET", "/v1/plugins/echo", "", 200, `"current":"0.3.0"`, `"refused":{"version":"0.4.0"`, reason)
	b.shows(t, "POST", "/v1/plugins/echo/upgrade", "", 200, `"object":"plugin.kept"`, reason)
	if said := bayCommand(t, "plugin", "list", "--home", home, "--addr", b.addr()); !strings.Contains(said, "0.3.0") || !strings.Contains(said, reason) {
		t.Errorf("plugin list says %s", said)
	}
	l.more(t, 6)

	b.shows(t, "POST", "/v1/plugins/echo/use", `{"version": "0.2.0"}`, 200, `"used":true`)
	b.shows(t, "POST", "/v1/plugins/echo/rollback", "", 200, `"version":"0.3.0"`, `"before":"0.2.0"`, `"used":true`)
	l.more(t, 6)
	l.end(t)
	b.stop()
	k.tamper(t, home)
}

// tamper changes a byte of what is installed: the next start refuses it.
func (k *chain) tamper(t *testing.T, home string) {
	t.Helper()
	programs, err := filepath.Glob(filepath.Join(home, "plugins/store/*/bin/engine-echo"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("%q, %v", programs, err)
	}
	for _, program := range programs {
		data, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.Chmod(program, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b := startServerOf(t, home)
	b.shows(t, "POST", "/v1/chat/completions", `{"model": "m", "messages": [{"role": "user", "content": "x"}]}`, 503, "bin/engine-echo was changed")
	b.shows(t, "POST", "/v1/plugins/echo/verify", "", 200, "bin/engine-echo was changed")
}
