package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/valyala/fasthttp"

	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/keys"
)

// withKeys gives a server a key of that kind.
func withKeys(t testing.TB, k keys.Key) (secret, file string, change func(*api.Config)) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "keys.json")
	_, secret, err := keys.Create(file, k)
	if err != nil {
		t.Fatal(err)
	}
	return secret, file, func(c *api.Config) { c.Keys = ring(t, file) }
}

func ring(t testing.TB, file string) *keys.Ring {
	t.Helper()
	r, err := keys.Open(file, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// ask sends a request whose headers may be changed, and reads no more of the answer
// than its beginning: some have no end.
func (b *bay) ask(method, path, body string, change func(*http.Request)) (status int, answer string, header http.Header) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	change(req)
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	start := make([]byte, 4096)
	n, _ := io.ReadFull(resp.Body, start[:max(0, min(len(start), int(resp.ContentLength)))])
	return resp.StatusCode, string(start[:n]), resp.Header
}

func bearer(secret string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
}

func same(*http.Request) {}

// TestEveryRouteHasARule walks the routes that Fiber answers: each is declared with
// a rule, and each that is not for everybody is refused without a key.
func TestEveryRouteHasARule(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBay(t, nil, keyed)
	everybody := map[string]bool{"/healthz": true, "/readyz": true, "/openapi.json": true}
	declared := b.server.Declared()
	if len(b.server.Registered()) < len(declared) {
		t.Fatal("not all routes are there")
	}
	for _, r := range b.server.Registered() {
		method, path := r[0], r[1]
		asGet := [2]string{strings.Replace(method, "HEAD", "GET", 1), path}
		public, ok := declared[asGet]
		if !ok {
			t.Errorf("%s %s has no auth rule: add it to the table in routes, and nowhere else", method, path)
		}
		if public != everybody[path] {
			t.Errorf("%s %s: public is %v; the routes for everybody stand in this test", method, path, public)
		}
		path = strings.NewReplacer("*", "x", ":", "").Replace(path)
		for name, change := range map[string]func(*http.Request){"no": same, "a wrong": bearer(strings.Repeat("x", len(secret)))} {
			status, _, header := b.ask(method, path, "", change)
			if (status == 401) == public || status == 401 && header.Get("Www-Authenticate") == "" {
				t.Errorf("%s %s with %s key: status %d, %v", method, path, name, status, header)
			}
		}
		if status, _, _ := b.ask(method, path, "", bearer(secret)); status == 401 {
			t.Errorf("%s %s with a key: status %d", method, path, status)
		}
	}
}

func TestKeys(t *testing.T) {
	secret, file, keyed := withKeys(t, keys.Key{Name: "a"})
	_, old, err := keys.Create(file, keys.Key{Name: "old", Expires: time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	b := newBay(t, map[string]string{"m": `{}`}, keyed)
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		status int
		says   string
	}{
		{"as OpenAI's clients send it", bearer(secret), 200, ""},
		{"as Anthropic's clients send it", set("X-Api-Key", secret), 200, ""},
		{"bearer in small letters", set("Authorization", "bearer "+secret), 200, ""},
		{"two spaces", set("Authorization", "Bearer  "+secret), 200, ""},
		{"none", same, 401, "wants an API key"},
		{"an empty one", set("Authorization", "Bearer "), 401, "wants an API key"},
		{"no scheme", set("Authorization", secret), 401, "wants an API key"},
		{"another scheme", set("Authorization", "Basic "+secret), 401, "wants an API key"},
		{"no space", set("Authorization", "Bearer"+secret), 401, "wants an API key"},
		{"a tab", set("Authorization", "Bearer\t"+secret), 401, ""},
		{"two keys in one", set("Authorization", "Bearer "+secret+", Bearer "+secret), 401, "not one of this server's"},
		{"a good and a bad header", set("Authorization", "Bearer "+secret, "Bearer x"), 400, "more than one Authorization"},
		{"a hundred headers", set("Authorization", strings.Split(strings.Repeat("Bearer "+secret+"\n", 100), "\n")[:100]...), 400, "more than one Authorization"},
		{"the best known one", bearer("none"), 401, "not one of this server's"},
		{"half of it", bearer(secret[:20]), 401, "not one of this server's"},
		{"a huge one", bearer(strings.Repeat("a", 15<<10)), 401, "not one of this server's"},
		{"too huge for a header", bearer(strings.Repeat("a", 20<<10)), 431, "16 KiB"},
		{"one that has expired", bearer(old), 401, "has expired"},
		{"in the address", func(r *http.Request) { r.URL.RawQuery = "api_key=" + secret }, 401, "wants an API key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body, _ := b.ask("POST", "/v1/chat/completions", chat("m", "hi"), test.change)
			if status != test.status || !strings.Contains(body, test.says) {
				t.Errorf("status %d, want %d and %q: %s", status, test.status, test.says, body)
			}
			if status == 401 && *openAIError(t, body).Error.Code != "invalid_api_key" {
				t.Error(body)
			}
			if strings.Contains(body, secret[3:]) || strings.Contains(body, old[3:]) {
				t.Errorf("the answer shows a key: %s", body)
			}
		})
	}
	if log := b.log.String(); strings.Contains(log, secret[3:]) || strings.Contains(log, old[3:]) {
		t.Errorf("the log shows a key:\n%s", log)
	}
}

// TestKeysComeAndGo: without one the door is open, and it follows the file.
func TestKeysComeAndGo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	b := newBay(t, nil, func(c *api.Config) { c.Keys = ring(t, file) })
	want := func(status int, change func(*http.Request)) {
		t.Helper()
		if got, body, _ := b.ask("GET", "/v1/models", "", change); got != status {
			t.Errorf("status %d, want %d: %s", got, status, body)
		}
	}
	want(200, same)
	want(200, bearer("none")) // clients must send something
	_, secret, err := keys.Create(file, keys.Key{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	want(401, same)
	want(200, bearer(secret))
	if _, err := keys.Revoke(file, "a"); err != nil {
		t.Fatal(err)
	}
	want(200, same)
}

// outside is a listener that other machines reach.
type outside struct{ net.Listener }

func (outside) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 1337} }

func TestNoKeyOnAnOpenAddress(t *testing.T) {
	secret, file, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBay(t, nil)
	config := api.Config{Runtime: b.runtime, Log: hclog.NewNullLogger()}
	keyed(&config)
	server := api.New(config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(outside{listener}) }()
	defer func() {
		b.client.CloseIdleConnections()
		if err := server.Shutdown(5 * time.Second); err != nil {
			t.Error(err)
		}
		<-served
	}()
	b.url = "http://" + listener.Addr().String()
	if status, _, _ := b.ask("GET", "/v1/models", "", bearer(secret)); status != 200 {
		t.Errorf("with the key: status %d", status)
	}
	if _, err := keys.Revoke(file, "a"); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*http.Request){same, bearer(secret)} {
		if status, body, _ := b.ask("GET", "/v1/models", "", change); status != 401 || !strings.Contains(body, "enginebay key create NAME") {
			t.Errorf("the last key is gone, and the answer is %d: %s", status, body)
		}
	}
}

func TestExposed(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1337": false, "127.8.8.8:1": false, "[::1]:1337": false, "[::ffff:127.0.0.1]:1": false,
		"0.0.0.0:1337": true, "[::]:1337": true, "192.168.1.5:1": true, "[fe80::1]:1": true, "[::ffff:8.8.8.8]:1": true,
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if api.Exposed(a) != want {
			t.Errorf("%s: want %v", addr, want)
		}
	}
}

func TestRequestsAMinute(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "few", RPM: 2})
	b := newBay(t, map[string]string{"m": `{}`}, keyed)
	for i, remaining := range []string{"1", "0", "0"} {
		status, body, header := b.ask("POST", "/v1/chat/completions", chat("m", "hi"), bearer(secret))
		if header.Get("X-Ratelimit-Limit-Requests") != "2" || header.Get("X-Ratelimit-Remaining-Requests") != remaining {
			t.Errorf("request %d: %v", i, header)
		}
		if _, err := time.ParseDuration(header.Get("X-Ratelimit-Reset-Requests")); err != nil {
			t.Error(err)
		}
		if i < 2 {
			if status != 200 {
				t.Errorf("request %d: %d %s", i, status, body)
			}
			continue
		}
		if e := openAIError(t, body); status != 429 || *e.Error.Code != "rate_limit_exceeded" || !strings.Contains(body, "'few' is reached: 2 requests a minute") {
			t.Errorf("%d %s", status, body)
		}
		if retry := header.Get("Retry-After"); retry != "30" && retry != "29" {
			t.Errorf("retry after %s", retry)
		}
	}
	if status, body, _ := b.ask("GET", "/v1/models", "", bearer(secret)); status != 200 {
		t.Errorf("a list counts: %d %s", status, body)
	}
}

// TestRequestsAtOnce: a stream holds its place to its end, however it ends.
func TestRequestsAtOnce(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "one", Concurrency: 1})
	b := newBay(t, map[string]string{"m": `{"tokens": 3}`, "long": `{"tokens": 100000, "token_ms": 10}`, "none": `{"refuse": "no"}`}, keyed)
	begin := func(model string) *http.Response {
		t.Helper()
		req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", strings.NewReader(chat(model, "hi", `"stream":true`)))
		req.Header.Set("Content-Type", "application/json")
		bearer(secret)(req)
		resp, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	left := func() { // the server may notice the end long after the client has left
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			status, body, header := b.ask("POST", "/v1/chat/completions", chat("m", "hi"), bearer(secret))
			if status == 200 {
				return
			}
			if status != 429 || header.Get("Retry-After") != "1" || !strings.Contains(body, "1 requests at once") {
				t.Fatalf("%d %s", status, body)
			}
			if time.Now().After(deadline) {
				t.Fatal("the place is not given back")
			}
		}
	}
	stream := begin("long")
	if _, err := bufio.NewReader(stream.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := b.ask("POST", "/v1/chat/completions", chat("m", "hi"), bearer(secret)); status != 429 {
		t.Errorf("a second beside a stream: %d %s", status, body)
	}
	stream.Body.Close() // the client leaves
	left()
	for range 100 { // one after the other, as fast as it goes: many clients read no further than [DONE]
		stream = begin("m")
		lines := bufio.NewScanner(stream.Body)
		done := false
		for !done && lines.Scan() {
			done = strings.Contains(lines.Text(), "[DONE]")
		}
		defer stream.Body.Close()
		if !done {
			t.Fatalf("status %d, %v", stream.StatusCode, lines.Err())
		}
	}
	left()
	for range 3 { // answers that are no streams
		begin("none").Body.Close()
		left()
	}
}

// BenchmarkGuard is what a request costs besides its handler: bare is Fiber, the
// observation and what every request is looked at for; then a key, and one with limits.
func BenchmarkGuard(b *testing.B) {
	unlimited, file, keyed := withKeys(b, keys.Key{Name: "a"})
	_, limited, err := keys.Create(file, keys.Key{Name: "b", RPM: 1 << 30, Concurrency: 100})
	if err != nil {
		b.Fatal(err)
	}
	config := api.Config{Log: hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: io.Discard})}
	keyed(&config)
	server := api.New(config)
	server.AddEmpty()
	for name, secret := range map[string]string{"bare": "", "metered": unlimited, "metered/limits": limited} {
		b.Run(name, func(b *testing.B) {
			path, _, _ := strings.Cut(name, "/")
			b.ReportAllocs()
			var ctx fasthttp.RequestCtx
			raw := fmt.Sprintf("POST /empty/%s HTTP/1.1\r\nHost: 127.0.0.1:1337\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nAccept: */*\r\n"+
				"Accept-Encoding: gzip, deflate\r\nUser-Agent: OpenAI/JS 6.1.0\r\nX-Stainless-Lang: js\r\nX-Stainless-Retry-Count: 0\r\nContent-Length: 2\r\n\r\n{}", path, secret)
			if err := ctx.Request.Read(bufio.NewReader(strings.NewReader(raw))); err != nil {
				b.Fatal(err)
			}
			handle := server.Handle()
			for b.Loop() {
				handle(&ctx)
				if ctx.Response.StatusCode() != 200 {
					b.Fatal(ctx.Response.String())
				}
				ctx.ResetUserValues()
				ctx.Response.Reset()
			}
		})
	}
}
