package api_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core"
)

// answered is what came of a request.
type answered struct {
	status int
	header http.Header
	body   string
	err    error
}

// background sends a chat request and gives what comes of it in the end.
func (b *bay) background(body string) <-chan answered {
	c := make(chan answered, 1)
	go func() {
		resp, err := b.client.Post(b.url+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			c <- answered{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		c <- answered{resp.StatusCode, resp.Header, string(text), err}
	}()
	return c
}

// retryable insists on an error with a time to come again.
func retryable(t *testing.T, got answered, status int, code string) {
	t.Helper()
	if got.err != nil {
		t.Fatal(got.err)
	}
	e := openAIError(t, got.body)
	if got.status != status || e.Error.Code == nil || *e.Error.Code != code {
		t.Errorf("got %d %s, want %d %s", got.status, got.body, status, code)
	}
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
}

// TestShutdown: 50 open streams, requests in the queue and a load that hangs are
// ended within ten seconds, and each client is told.
func TestShutdown(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"tokens": 1000000, "tokens_per_second": 50, "n_parallel": 50}`, "slow": `{"hang_on": "load"}`})
	streams := make(chan answered)
	for range 50 {
		resp := b.open("POST", "/v1/chat/completions", chat("m", "x", `"stream":true`)) // its first token has come
		go func() {
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			streams <- answered{resp.StatusCode, resp.Header, string(text), err}
		}()
	}
	inFlight(t, b, "m", 50)
	var waiting []<-chan answered
	for range 5 {
		waiting = append(waiting, b.background(chat("m", "x")), b.background(chat("slow", "x")))
	}
	queued(t, b, "m", 5)
	queued(t, b, "slow", 5)
	began := time.Now()
	b.close()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	for range 50 {
		if got := <-streams; got.err != nil || got.status != 200 || !strings.Contains(got.body, `"error"`) || strings.Contains(got.body, "[DONE]") {
			t.Errorf("a stream ended with %d %q, %v", got.status, got.body[max(0, len(got.body)-200):], got.err)
		}
	}
	for _, c := range waiting {
		retryable(t, <-c, 503, "unavailable")
	}
}

// queued waits until so many requests wait for a model.
func queued(t *testing.T, b *bay, id string, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		m, _ := b.runtime.Model(id)
		if m.Waiting == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests wait for %s, want %d", m.Waiting, id, n)
		}
	}
}

func TestQueueIsFull(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"n_parallel": 1, "first_token_ms": 60000}`})
	b.runtime.SetLimits(core.Limits{QueuePerSlot: 2})
	b.do("PUT", "/v1/models/m/start", "")
	var all []<-chan answered
	for range 3 {
		all = append(all, b.background(chat("m", "x")))
	}
	queued(t, b, "m", 2)
	retryable(t, <-b.background(chat("m", "x")), 429, "queue_full")
	b.do("PUT", "/v1/models/m/stop", "")
	for _, c := range all {
		retryable(t, <-c, 503, "unavailable")
	}
}

func TestNoRoom(t *testing.T) {
	b := newBay(t, map[string]string{"used": `{"first_token_ms": 60000, "memory": 6}`, "m": `{"memory": 5}`, "large": `{"memory": 50}`})
	used := b.background(chat("used", "x"))
	inFlight(t, b, "used", 1)
	b.runtime.SetLimits(core.Limits{Memory: 10, LoadTimeout: 100 * time.Millisecond})
	retryable(t, <-b.background(chat("m", "x")), 503, "unavailable")
	got := <-b.background(chat("large", "x"))
	if e := openAIError(t, got.body); got.status != 507 || *e.Error.Code != "exhausted" || got.header.Get("Retry-After") != "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	b.do("PUT", "/v1/models/used/stop", "")
	<-used
}

// TestTheEngineSaysLater: a refusal of the engine's own has a time to come again too.
func TestTheEngineSaysLater(t *testing.T) {
	b := newBay(t, map[string]string{"busy": `{"status": 429}`, "away": `{"status": 503}`})
	for model, status := range map[string]int{"busy": 429, "away": 503} {
		got := <-b.background(chat(model, "x"))
		if got.status != status || got.header.Get("Retry-After") != "1" {
			t.Errorf("%d, Retry-After %q: %s", got.status, got.header.Get("Retry-After"), got.body)
		}
	}
}

// TestKeepAliveOfARequest: it counts from the end of the request, and is told.
func TestKeepAliveOfARequest(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	for _, test := range []struct {
		keep    string
		expires time.Duration // 0 is never
	}{{`"10m"`, 10 * time.Minute}, {`90`, 90 * time.Second}, {`"forever"`, 0}, {`-1`, 0}, {`"1h"`, time.Hour}} {
		if status, body := b.do("POST", "/v1/chat/completions", chat("m", "x", `"keep_alive":`+test.keep)); status != 200 {
			t.Fatalf("%s: %d %s", test.keep, status, body)
		}
		inFlight(t, b, "m", 0)
		m, _ := b.runtime.Model("m")
		if left := time.Until(time.Unix(m.Expires, 0)); test.expires == 0 && m.Expires != 0 || test.expires > 0 && (left > test.expires || left < test.expires-10*time.Second) {
			t.Errorf("%s: it expires in %v", test.keep, left)
		}
	}
	if status, body := b.do("POST", "/v1/chat/completions", chat("m", "x", `"keep_alive":0`)); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	b.log.wait(t, "model unloaded", 1, 5*time.Second)
	for _, keep := range []string{`"soon"`, `true`, `{}`} {
		status, body := b.do("POST", "/v1/chat/completions", chat("m", "x", `"keep_alive":`+keep))
		if e := openAIError(t, body); status != 400 || e.Error.Param == nil || *e.Error.Param != "keep_alive" {
			t.Errorf("%s: %d %s", keep, status, body)
		}
	}
}
