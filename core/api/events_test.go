package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/enginebay/enginebay/core"
)

// listener reads the events of a server.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
	last  string // id
}

func listen(b *bay, t *testing.T, last string) *listener {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/v1/events", nil)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("status %d, %s", resp.StatusCode, kind)
	}
	l := &listener{t: t, lines: bufio.NewScanner(resp.Body)}
	l.lines.Scan() // the comment that opens the stream: it listens from here on
	return l
}

// next returns the next event.
func (l *listener) next() core.Event {
	l.t.Helper()
	for l.lines.Scan() {
		if id, ok := strings.CutPrefix(l.lines.Text(), "id: "); ok {
			l.last = id
		}
		if data, ok := strings.CutPrefix(l.lines.Text(), "data: "); ok {
			var e core.Event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				l.t.Fatal(err)
			}
			return e
		}
	}
	l.t.Fatalf("the stream ended: %v", l.lines.Err())
	return core.Event{}
}

// until skips events until one of a type with a transition or state.
func (l *listener) until(kind, what string) core.Event {
	l.t.Helper()
	for {
		if e := l.next(); e.Type == kind && (what == "" || e.Transition == what || e.Transition == "" && e.State == what) {
			return e
		}
	}
}

// TestEvents: what happens is told in order, and who was cut off misses nothing.
func TestEvents(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{"load_ms": 500}`, "bad": `{"refuse": "no such thing"}`})
	l := listen(b, t, "")
	b.do("PUT", "/v1/models/m/start", "")
	l.until(core.EventModelState, core.TransitionStarting)
	if up := l.until(core.EventEngineState, ""); up.Engine != "echo" || up.State != "up" {
		t.Errorf("got %+v", up)
	}
	if p := l.until(core.EventModelProgress, ""); p.Progress == nil || *p.Progress < 0 || *p.Progress > 1 {
		t.Errorf("got %+v", p)
	}
	if e := l.until(core.EventModelState, core.StateRunning); e.Model != "m" || e.Engine != "echo" {
		t.Errorf("got %+v", e)
	}
	last := l.last
	b.do("PUT", "/v1/models/m/stop", "")
	b.do("PUT", "/v1/models/bad/start", "")
	if e := l.until(core.EventModelError, ""); e.Model != "bad" || e.Error != "no such thing" {
		t.Errorf("got %+v", e)
	}
	b.write("models/new/model.json", `{"engine": "echo", "format": "api"}`)
	l.until(core.EventModelAdded, "")

	again := listen(b, t, last)
	again.until(core.EventModelState, core.TransitionStopping)
	again.until(core.EventModelState, core.StateReady)
	again.until(core.EventModelAdded, "")
	if e := listen(b, t, "7").next(); e.Type != core.EventLost {
		t.Errorf("who was away for too long is told %+v", e)
	}
	if code, _ := b.do("GET", "/v1/events?after=x", ""); code != 400 {
		t.Errorf("status %d", code)
	}
}

// TestOldClients: what has no end cannot be sent by HTTP/1.0.
func TestOldClients(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	for request, want := range map[string]string{
		"GET /v1/events HTTP/1.0\r\nHost: localhost\r\n\r\n": "400 Bad Request",
		"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 74\r\n\r\n" + chat("m", "hello", `"stream":true`): "400 Bad Request",
		"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n" + chat("m", "hello"):                  "200 OK",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, request)
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.Contains(string(answer[:min(len(answer), 40)]), want) || strings.Contains(string(answer), "chunked") {
			t.Errorf("%.50q is answered %.300s", request, answer)
		}
	}
}

// TestListenersAreBounded: each takes memory.
func TestListenersAreBounded(t *testing.T) {
	b := newBay(t, nil)
	var open []*core.Subscription
	for len(open) < 10_000 {
		sub, err := b.runtime.Subscribe(0)
		if err != nil {
			break
		}
		open = append(open, sub)
	}
	resp := b.open("GET", "/v1/events", "")
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d listen, and the next one gets status %d", len(open), resp.StatusCode)
	}
	for _, sub := range open {
		sub.Close()
	}
	listen(b, t, "")
}
