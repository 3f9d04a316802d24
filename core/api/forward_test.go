package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestChat(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	status, body := b.do("POST", "/v1/chat/completions", chat("m", "one two three"))
	var answer struct {
		Model   string
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if answer.Model != "m" || answer.Choices[0].Message.Content != "one two three" {
		t.Errorf("got %+v", answer)
	}
}

func TestStreamPassesBytesAsTheyCome(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"tokens": 3, "tokens_per_second": 20}`})
	resp := b.open("POST", "/v1/chat/completions", chat("m", "x", `"stream":true`))
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("content type %q", kind)
	}
	lines := bufio.NewScanner(resp.Body)
	var events []string
	var times []time.Time
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			events, times = append(events, data), append(times, time.Now())
		}
	}
	if len(events) != 5 || events[4] != "[DONE]" {
		t.Fatalf("events: %q", events)
	}
	if times[2].Sub(times[0]) < 50*time.Millisecond {
		t.Errorf("the tokens came together, %v after the first: they were held back", times[2].Sub(times[0]))
	}
}

// TestHeadersOfAnEngine: what a remote service says for the client is passed on, and
// nothing else of its headers.
func TestHeadersOfAnEngine(t *testing.T) {
	const headers = `"headers": {"Retry-After": "7", "X-Upstream-Request-Id": "req_far", "Set-Cookie": "a=b", "Server": "far"}`
	b := newBay(t, map[string]string{"fine": `{` + headers + `}`, "busy": `{"status": 429, ` + headers + `}`, "odd": `{"status": 503, "headers": {"Retry-After": "-1"}}`})
	for _, test := range []struct {
		model, more  string
		status       int
		after, theID string
	}{
		{"fine", `"stream": false`, 200, "", "req_far"},
		{"fine", `"stream": true`, 200, "", "req_far"},
		{"busy", `"stream": false`, 429, "7", "req_far"},
		{"busy", `"stream": true`, 429, "7", "req_far"},
		{"odd", `"stream": false`, 503, "1", ""},
	} {
		resp := b.open("POST", "/v1/chat/completions", chat(test.model, "x", test.more))
		resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != test.status || h.Get("Retry-After") != test.after || h.Get("X-Upstream-Request-Id") != test.theID || h.Get("Set-Cookie") != "" || h.Get("Server") == "far" {
			t.Errorf("%s %s: %d %v", test.model, test.more, resp.StatusCode, h)
		}
	}
}

func TestLoadsOnceForManyCallers(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"load_ms": 300}`})
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() {
			if status, body := b.do("POST", "/v1/chat/completions", chat("m", "hi")); status != 200 {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	wait.Wait()
	if n := strings.Count(b.log.String(), "model loaded"); n != 1 {
		t.Errorf("loaded %d times", n)
	}
}

func TestDefaultsAndOverrides(t *testing.T) {
	b := newBay(t, nil)
	b.write("engines/echo.json", `{"settings": {"tokens": 2}}`)
	b.write("models/plain/model.json", `{"engine":"echo","format":"api"}`)
	b.write("models/own/model.json", `{"engine":"echo","format":"api","settings":{"tokens":3},"parameters":{"stream":true}}`)
	waitFor(t, b, "own")
	for _, test := range []struct {
		name, model, more string
		tokens            int
	}{
		{"deployment", "plain", `"seed":1`, 2},
		{"model over deployment", "own", `"stream":false`, 3},
		{"a file does not decide whether an answer streams", "own", `"seed":1`, 3},
		{"a null does not either", "own", `"stream":null`, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := b.do("POST", "/v1/chat/completions", chat(test.model, "x", test.more))
			if n := strings.Count(body, "echo "); status != 200 || n != test.tokens {
				t.Errorf("%d with %d tokens, want %d: %s", status, n, test.tokens, body)
			}
			if strings.HasPrefix(body, "data: ") {
				t.Errorf("a stream came unasked: %s", body)
			}
		})
	}
	if status, body := b.do("PUT", "/v1/models/own/start", `{"tokens": 5}`); status != 200 {
		t.Fatalf("start: %d %s", status, body)
	}
	_, body := b.do("POST", "/v1/chat/completions", chat("own", "x", `"stream":false`))
	if n := strings.Count(body, "echo "); n != 5 {
		t.Errorf("the start request's setting is not used: %d tokens", n)
	}
}

// waitFor waits until the store has seen a model that was written just now.
func waitFor(t *testing.T, b *bay, id string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		if status, _ := b.do("GET", "/v1/models/"+id, ""); status == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("model %s is not seen", id)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestIdleModelIsUnloaded(t *testing.T) {
	b := newBay(t, nil)
	b.write("engines/echo.json", `{"limits": {"keep_alive": "100ms"}}`)
	b.write("models/m/model.json", `{"engine":"echo","format":"api","settings":{"first_token_ms":300}}`)
	waitFor(t, b, "m")
	for range 2 { // a request that takes longer than the limit is not cut off, and the model comes back
		if status, body := b.do("POST", "/v1/chat/completions", chat("m", "hi")); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if m, _ := b.runtime.Model("m"); m.State == "ready" && m.Transition == "" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the idle model stays")
			}
		}
	}
	if n := strings.Count(b.log.String(), "model loaded"); n != 2 {
		t.Errorf("loaded %d times, want 2", n)
	}
}

// TestClientThatLeaves: the engine stops within a second, wherever the request is.
func TestClientThatLeaves(t *testing.T) {
	for name, test := range map[string]struct{ settings, more string }{
		"while streaming":        {`{"tokens": 100000, "tokens_per_second": 50}`, `"stream":true`},
		"before the first byte":  {`{"first_token_ms": 60000}`, `"stream":true`},
		"without a stream":       {`{"tokens": 100000, "tokens_per_second": 50}`, `"stream":false`},
		"without a single token": {`{"hang_on": "request"}`, `"stream":false`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBay(t, map[string]string{"m": test.settings})
			if status, body := b.do("PUT", "/v1/models/m/start", ""); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
			ctx, leave := context.WithCancel(context.Background())
			req, _ := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/chat/completions", strings.NewReader(chat("m", "x", test.more)))
			req.Header.Set("Content-Type", "application/json")
			done := make(chan struct{})
			go func() {
				defer close(done)
				if resp, err := b.client.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
			inFlight(t, b, "m", 1)
			leave()
			<-done
			b.log.wait(t, "client left", 1, time.Second)
			inFlight(t, b, "m", 0)
		})
	}
}

// inFlight waits until a model answers so many requests.
func inFlight(t *testing.T, b *bay, id string, n int) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Second)
	for {
		m, err := b.runtime.Model(id)
		if err == nil && m.Requests == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("requests in flight: %d, want %d", m.Requests, n)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestEngineThatDies: a stream ends with an error and without [DONE], an answer
// that is no stream is a 502, and the next request works.
func TestEngineThatDies(t *testing.T) {
	for name, test := range map[string]struct {
		more string
		want string
	}{
		"while streaming":  {`"stream":true`, `"code":"engine_error"`},
		"without a stream": {`"stream":false`, `"code":"engine_error"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBay(t, map[string]string{"m": `{"tokens": 10, "crash_after": 5}`, "other": `{}`})
			status, body := b.do("POST", "/v1/chat/completions", chat("m", "x", test.more))
			if !strings.Contains(body, test.want) || strings.Contains(body, "[DONE]") {
				t.Errorf("%d %s", status, body)
			}
			if test.more == `"stream":false` && status != http.StatusBadGateway {
				t.Errorf("status %d", status)
			}
			b.log.wait(t, "model ended by itself", 1, 2*time.Second)
			if status, body := b.do("POST", "/v1/chat/completions", chat("other", "hi")); status != 200 {
				t.Errorf("the next request: %d %s", status, body)
			}
		})
	}
}

func TestStopEndsStreams(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"tokens": 100000, "tokens_per_second": 100}`})
	resp := b.open("POST", "/v1/chat/completions", chat("m", "x", `"stream":true`))
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if status, body := b.do("PUT", "/v1/models/m/stop", ""); status != 200 || !strings.Contains(body, `"ready"`) {
		t.Fatalf("stop: %d %s", status, body)
	}
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(rest), `"error"`) || strings.Contains(string(rest), "[DONE]") {
		t.Errorf("the stream ended with %q, %v", rest[max(0, len(rest)-200):], err)
	}
}

func TestStopCallsOffALoad(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"hang_on": "load"}`})
	asked := make(chan int, 1)
	go func() {
		status, _ := b.do("POST", "/v1/chat/completions", chat("m", "x"))
		asked <- status
	}()
	deadline := time.Now().Add(5 * time.Second)
	for {
		if m, _ := b.runtime.Model("m"); m.Progress != nil && m.Progress.Fraction >= -1 && strings.Contains(b.log.String(), "plugin started") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the load does not begin")
		}
		time.Sleep(time.Millisecond)
	}
	if status, body := b.do("PUT", "/v1/models/m/stop", ""); status != 200 {
		t.Fatalf("stop: %d %s", status, body)
	}
	if status := <-asked; status != http.StatusServiceUnavailable {
		t.Errorf("who waited for the load got %d", status)
	}
}

// TestOddRequests speaks HTTP by hand: what can be read in two ways is refused
// with the connection closed, and half a request holds up nobody.
func TestOddRequests(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	const post = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	for _, test := range []struct{ name, request, status, says string }{
		{"two lengths", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "invalid_headers"},
		{"two lengths, the other way round", "POST /v1/chat/completions HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400", "invalid_headers"},
		{"a folded header", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", "400", "invalid_headers"},
		{"a foreign absolute address", "GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "403", "host_not_allowed"},
		{"large headers", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 20000) + "\r\n\r\n", "431", `"error"`},
		{"a body of 99 MB", post + "Content-Length: 99999999\r\n\r\n", "413", "request_too_large"},
		{"no HTTP", "\x00\x01\r\n\r\n", "400", `"error"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := b.dial()
			defer conn.Close()
			if _, err := io.WriteString(conn, test.request); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			answer, err := io.ReadAll(conn)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("the connection is kept: %v, %s", err, answer)
			}
			if !strings.HasPrefix(string(answer), "HTTP/1.1 "+test.status) || !strings.Contains(string(answer), test.says) {
				t.Errorf("got %s", answer)
			}
		})
	}
	half := b.dial()
	defer half.Close()
	if _, err := io.WriteString(half, post+"Content-Le"); err != nil {
		t.Fatal(err)
	}
	if status, _ := b.do("GET", "/healthz", ""); status != 200 {
		t.Errorf("status %d", status)
	}
}

func (b *bay) dial() net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	return conn
}

// TestStopIsNotUndone: a request that waits for its first byte breaks off with
// the model, and does not load it again.
func TestStopIsNotUndone(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"first_token_ms": 60000}`})
	asked := make(chan int, 1)
	go func() {
		status, _ := b.do("POST", "/v1/chat/completions", chat("m", "x"))
		asked <- status
	}()
	inFlight(t, b, "m", 1)
	if status, body := b.do("PUT", "/v1/models/m/stop", ""); status != 200 {
		t.Fatalf("stop: %d %s", status, body)
	}
	if status := <-asked; status != http.StatusServiceUnavailable {
		t.Errorf("the request got %d", status)
	}
	if m, _ := b.runtime.Model("m"); m.State != "ready" || m.Transition != "" {
		t.Errorf("the model is %s %s", m.State, m.Transition)
	}
}

// TestRemovedModelIsUnloaded: nobody could name it any more.
func TestRemovedModelIsUnloaded(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	b.do("PUT", "/v1/models/m/start", "")
	if err := os.RemoveAll(b.home + "/models/m"); err != nil {
		t.Fatal(err)
	}
	b.log.wait(t, "model unloaded", 1, 5*time.Second)
}
