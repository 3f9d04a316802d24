package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/keys"
	"github.com/enginebay/enginebay/core/registry"
)

// A held registry is one over HTTP, whose packages come when they are let.
type heldRegistry struct {
	*httptest.Server
	let   chan struct{} // closed: all come
	asked chan struct{} // one for each package that somebody waits for
	left  chan struct{} // one for each who waits no more
}

// hold serves the depot over HTTP, and has the home find it there.
func (d *depot) hold(t testing.TB, home string) *heldRegistry {
	t.Helper()
	h := &heldRegistry{let: make(chan struct{}), asked: make(chan struct{}, 100), left: make(chan struct{}, 100)}
	files := http.FileServer(http.Dir(d.dir))
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".tar.zst") {
			h.asked <- struct{}{}
			select {
			case <-h.let:
			case <-r.Context().Done():
				h.left <- struct{}{}
				return
			}
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	must(t, registry.WriteSources(home, []registry.Source{{Name: "main", URL: h.URL, Key: d.key.Public().String()}}))
	return h
}

// wait waits for what has to come.
func wait(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatalf("within a minute: not %s", what)
	}
}

// events are the names of a stream's events, and the data of the last one.
func eventsOf(t testing.TB, r io.Reader) (names []string, last string) {
	t.Helper()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			names = append(names, name)
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			last = data
		}
	}
	must(t, lines.Err())
	return names, last
}

// TestPluginStream: progress, and at last what came of it.
func TestPluginStream(t *testing.T) {
	b, d := newPluginBay(t, parcel{version: "0.1.0"})
	h := d.hold(t, b.home)
	close(h.let)
	digest := b.digestOf(t, "echo", "")
	once := len(h.asked)
	for _, c := range []struct{ name, more, last, says string }{
		{"a plan", "", "result", `"object":"plugin.plan"`},
		{"a wrong accept", `, "accept": "sha256:` + strings.Repeat("0", 64) + `"`, "error", `"code":"plan_changed"`},
		{"an install", `, "accept": "` + digest + `"`, "result", `"object":"plugin.installed"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := b.open("POST", "/v1/plugins", `{"source": "echo", "stream": true`+c.more+`}`)
			defer resp.Body.Close()
			if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "text/event-stream" {
				t.Fatalf("%d %s", resp.StatusCode, kind)
			}
			names, last := eventsOf(t, resp.Body)
			if len(names) < 2 || names[0] != "progress" || names[len(names)-1] != c.last || !strings.Contains(last, c.says) {
				t.Errorf("%q, at last %s", names, last)
			}
			if c.last == "error" {
				openAIError(t, last)
			}
		})
	}
	b.walk(t, []step{{"it is there", "GET", "/v1/plugins/echo", "", 200, digest, ""}})
	if n := len(h.asked); n != 2*once { // what was looked at is not fetched again, but after a refusal
		t.Errorf("%d requests for the package, %d for the first plan", n, once)
	}
	if left, err := filepath.Glob(filepath.Join(b.home, "cache/packages/*/*")); err != nil || len(left) > 0 {
		t.Errorf("of its archive is left %q, %v", left, err)
	}
}

// TestPluginOneChangeAtATime: and a client that leaves ends its own.
func TestPluginOneChangeAtATime(t *testing.T) {
	b, d := newPluginBay(t, parcel{version: "0.1.0"}, parcel{version: "0.2.0"})
	digest := b.digestOf(t, "echo@0.2.0", "")
	b.install(t, "echo@0.1.0")
	h := d.hold(t, b.home)
	install := fmt.Sprintf(`{"source": "echo@0.2.0", "accept": %q}`, digest)
	for _, stream := range []bool{true, false} {
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			body := install
			if stream {
				body = strings.Replace(install, "{", `{"stream": true, `, 1)
			}
			req, _ := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/plugins", strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			if resp, err := b.client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}()
		wait(t, h.asked, "asked for the package")
		b.walk(t, []step{
			{"another one", "POST", "/v1/plugins", install, 409, "is being changed by another request", "conflict"},
			{"removal", "DELETE", "/v1/plugins/echo", "", 409, "is being changed by another request", "conflict"},
			{"by its full name", "POST", "/v1/plugins/enginebay%2Fecho/rollback", "", 409, "is being changed by another request", "conflict"},
			{"a look", "GET", "/v1/plugins/echo", "", 200, `"current":"0.1.0"`, ""},
		})
		leave()
		wait(t, gone, "gone")
		wait(t, h.left, "called off")
		for deadline := time.Now().Add(time.Minute); ; { // it ends a moment after
			if status, body := b.do("POST", "/v1/plugins/echo/pin", `{"pinned": false}`); status == 200 {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("%d %s", status, body)
			}
		}
	}
	close(h.let)
	b.walk(t, []step{{"now it goes well", "POST", "/v1/plugins", install, 200, `"used":true`, ""}})
}

// TestShutdownDuringPluginFetch: a server that ends does not wait for a package.
func TestShutdownDuringPluginFetch(t *testing.T) {
	b, d := newPluginBay(t, parcel{version: "0.1.0"})
	h := d.hold(t, b.home)
	resp := b.open("POST", "/v1/plugins", `{"source": "echo", "stream": true}`)
	defer resp.Body.Close()
	wait(t, h.asked, "asked for the package")
	b.close()
	wait(t, h.left, "called off")
	if names, last := eventsOf(t, resp.Body); names[len(names)-1] != "error" || !strings.Contains(last, "shutting down") {
		t.Errorf("%q, at last %s", names, last)
	}
	if left, err := filepath.Glob(filepath.Join(b.home, "plugins/store/.*")); err != nil || len(left) > 0 {
		t.Errorf("stagings are left: %q, %v", left, err)
	}
}

// TestPluginsWantAKey: whoever may change engines may change plugins, and nobody else.
func TestPluginsWantAKey(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBayWith(t, nil, nil, keyed)
	newDepot(t, b.home).publish(t, parcel{version: "0.1.0"})
	for _, c := range []struct {
		method, path, body string
		status             int // with a key
	}{
		{"POST", "/v1/plugins", `{"source": "echo"}`, 200},
		{"GET", "/v1/plugins/search", "", 200},
		{"GET", "/v1/plugins/echo/info", "", 200},
		{"GET", "/v1/plugins/echo/why", "", 200},
		{"POST", "/v1/plugins/echo/upgrade", "", 404},
		{"POST", "/v1/plugins/echo/rollback", "", 404},
		{"POST", "/v1/plugins/echo/use", `{"version": "1"}`, 404},
		{"POST", "/v1/plugins/echo/pin", "", 404},
		{"POST", "/v1/plugins/echo/verify", "", 404},
		{"DELETE", "/v1/plugins/echo", "", 404},
	} {
		if status, body, _ := b.ask(c.method, c.path, c.body, same); status != 401 {
			t.Errorf("%s %s without a key: %d %s", c.method, c.path, status, body)
		}
		if status, body, _ := b.ask(c.method, c.path, c.body, bearer(secret)); status != c.status {
			t.Errorf("%s %s with a key: %d %s", c.method, c.path, status, body)
		}
		if status, body, _ := b.ask(c.method, c.path, c.body, func(r *http.Request) { bearer(secret)(r); r.Header.Set("Origin", "https://evil.example") }); status != 403 {
			t.Errorf("%s %s from a foreign page: %d %s", c.method, c.path, status, body)
		}
	}
}
