package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// traced sends a request with an id and returns the answer's head, and the body.
func (b *bay) traced(method, path, body, id string) (http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if id != "" {
		req.Header.Set("X-Request-Id", id)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.Header, string(text)
}

func TestRequestIDs(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	generated := regexp.MustCompile(`^req_[0-9a-f]{16}$`)
	seen := map[string]bool{}
	for _, c := range []struct{ name, method, path, body, own string }{
		{"whole answer", "POST", "/v1/chat/completions", chat("m", "x"), ""},
		{"stream", "POST", "/v1/chat/completions", chat("m", "x", `"stream":true`), ""},
		{"list", "GET", "/v1/models", "", ""},
		{"no such model", "GET", "/v1/models/none", "", ""},
		{"no such route", "GET", "/nowhere", "", ""},
		{"wrong method", "DELETE", "/v1/chat/completions", "", ""},
		{"its own", "POST", "/v1/chat/completions", chat("m", "x"), "my-job.7:a_B"},
		{"not plain", "GET", "/v1/models", "", "a b"},
		{"too long", "GET", "/v1/models", "", strings.Repeat("a", 129)},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, _ := b.traced(c.method, c.path, c.body, c.own)
			id := head.Get("X-Request-Id")
			if c.name == "its own" {
				if id != c.own {
					t.Errorf("%q became %q", c.own, id)
				}
			} else if !generated.MatchString(id) || seen[id] {
				t.Errorf("X-Request-Id is %q", id)
			}
			seen[id] = true
			if ms := head.Get("Openai-Processing-Ms"); !regexp.MustCompile(`^\d+$`).MatchString(ms) {
				t.Errorf("openai-processing-ms is %q", ms)
			}
			b.log.wait(t, "request_id="+id, 1, 5*time.Second)
		})
	}
	// The engine was told, and says so in its log.
	b.log.wait(t, "asked: model=m request_id=my-job.7:a_B", 1, 5*time.Second)
}

// What is refused before any handler is answered in the same form.
func TestRequestIDOfUnreadRequest(t *testing.T) {
	b := newBay(t, nil)
	for name, head := range map[string]string{
		"long header": "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", 40<<10),
		"large body":  "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, head+"\r\n\r\n")
			answer, _ := io.ReadAll(conn)
			head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
			if !strings.Contains(head, "X-Request-Id: req_") {
				t.Errorf("no id: %s", head)
			}
			openAIError(t, body)
		})
	}
}

func TestAccessLog(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`, "dies": `{"crash_on": "request"}`})
	b.traced("POST", "/v1/chat/completions", chat("m", "tell-nobody"), "fine")
	b.traced("POST", "/v1/chat/completions", chat("m", "tell-nobody", `"stream":true`), "streamed")
	b.traced("GET", "/v1/models/none?key=tell-nobody", "", "missing")
	b.traced("POST", "/v1/chat/completions", chat("dies", "tell-nobody"), "broken")
	for id, want := range map[string]string{
		"fine":     `\[DEBUG\] request: method=POST path=/v1/chat/completions status=200 took=\S+ request_id=fine model=m`,
		"streamed": `\[DEBUG\] request: method=POST path=/v1/chat/completions status=200 took=\S+ request_id=streamed model=m`,
		"missing":  `\[DEBUG\] request: method=GET path=/v1/models/none status=404 took=\S+ request_id=missing caller=ip:127.0.0.1 error=`,
		"broken":   `\[INFO\]  request: method=POST path=/v1/chat/completions status=502 took=\S+ request_id=broken model=dies .*error=`,
	} {
		b.log.wait(t, " request_id="+id, 1, 5*time.Second)
		if !regexp.MustCompile(want).MatchString(b.log.String()) {
			t.Errorf("no line %s in\n%s", want, b.log)
		}
	}
	if strings.Contains(b.log.String(), "tell-nobody") {
		t.Error("the log has what a client said")
	}
}

// What a stream turned out to be is counted, not the 200 that it began with.
func TestStatusOfStreams(t *testing.T) {
	b := newBay(t, map[string]string{
		"dies": `{"tokens": 50, "crash_after": 5}`,
		"slow": `{"tokens": 1000, "tokens_per_second": 50}`,
	})
	b.traced("POST", "/v1/chat/completions", chat("dies", "x", `"stream":true`), "died")
	b.log.wait(t, "status=502", 1, 5*time.Second)

	resp := b.open("POST", "/v1/chat/completions", chat("slow", "x", `"stream":true`))
	if _, err := resp.Body.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b.log.wait(t, "status=499", 1, 5*time.Second)
	wantLines(t, b.scrape(),
		`enginebay_requests_total{method="POST",model="dies",route="/v1/chat/completions",status="5xx"} 1`,
		`enginebay_requests_total{method="POST",model="slow",route="/v1/chat/completions",status="4xx"} 1`,
		`enginebay_requests_in_flight 1`)
}

// Months of trying models leave nothing behind.
func TestRemovedModelLeavesMetrics(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`, "gone": `{}`})
	for _, model := range []string{"m", "gone"} {
		b.do("POST", "/v1/chat/completions", chat(model, "x", `"stream":true`))
	}
	if !strings.Contains(b.scrape(), `model="gone"`) {
		t.Fatal("not counted")
	}
	if err := os.RemoveAll(filepath.Join(b.home, "models", "gone")); err != nil {
		t.Fatal(err)
	}
	within := time.Now().Add(10 * time.Second)
	for {
		if text := b.scrape(); !strings.Contains(text, `model="gone"`) {
			if !strings.Contains(text, `model="m"`) {
				t.Error("the other model went too")
			}
			return
		}
		if time.Now().After(within) {
			t.Fatal("still there")
		}
	}
}
