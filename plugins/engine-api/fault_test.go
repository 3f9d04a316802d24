package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/sdk"
)

// answering is a service of one answer.
func answering(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL + "/v1"
}

const chatBody = `{"model":"m","messages":[]}`

// told is an error as the core reads it.
type told struct {
	Error struct {
		Message, Type string
		Code, Param   *string
	}
}

func (f told) code() string {
	if f.Error.Code == nil {
		return ""
	}
	return *f.Error.Code
}

// TestFaults: errors of many shapes become OpenAI's, with the status that says whose
// fault it was, and without a word of the key.
func TestFaults(t *testing.T) {
	openAIs := func(code, message string) string {
		return fmt.Sprintf(`{"error":{"message":%q,"type":"invalid_request_error","param":"temperature","code":%q}}`, message, code)
	}
	for name, test := range map[string]struct {
		status int
		body   string
		want   int
		code   string
		says   string
	}{
		"openai":                 {400, openAIs("unsupported_value", "Bad temperature"), 400, "unsupported_value", "Bad temperature"},
		"a text":                 {400, `{"error":"model is busy","error_type":"overloaded"}`, 400, "", "model is busy"},
		"a message":              {400, `{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}`, 400, "", "too long"},
		"a detail":               {400, `{"detail":"Not like that"}`, 400, "", "Not like that"},
		"details":                {422, `{"detail":[{"type":"missing","loc":["body","messages",0,"content"],"msg":"Field required","input":{}},{"loc":["body"],"msg":"Odd"}]}`, 422, "", "messages.0.content: Field required; Odd"},
		"details in a message":   {422, `{"object":"error","message":{"detail":[{"loc":["body","top_k"],"msg":"Extra inputs are not permitted"}]}}`, 422, "", "top_k: Extra inputs are not permitted"},
		"a list":                 {400, `[{"error":{"code":400,"message":"API thing","status":"INVALID_ARGUMENT"}}]`, 400, "INVALID_ARGUMENT", "API thing"},
		"a title":                {400, `{"status":400,"title":"Bad Request","detail":"No such parameter"}`, 400, "", "No such parameter"},
		"plain text":             {400, "no\x1b[31m way\n\nat all\x00", 400, "", "no [31m way at all"},
		"nothing":                {400, ``, 400, "", "answers with status 400"},
		"a web page":             {400, `<html><body>blocked</body></html>`, 400, "", "a web page"},
		"deep":                   {400, strings.Repeat(`{"error":`, 20000) + `1` + strings.Repeat(`}`, 20000), 400, "", ""},
		"a novel":                {400, openAIs("x", strings.Repeat("ä long ", 10000)), 400, "", "ä long"},
		"the wrong key":          {401, openAIs("invalid_api_key", "Incorrect API key provided: "+key), 502, "upstream_unauthorized", "look at the secret api_key in engines/deployed.json"},
		"not for this key":       {403, openAIs("no", "Your key "+key+" and sk-****cdef may not"), 502, "upstream_unauthorized", "Your key … and … may not"},
		"a proxy's":              {407, ``, 502, "upstream_unauthorized", "(407)"},
		"no such model":          {404, openAIs("model_not_found", "The model `m` does not exist"), 404, "model_not_found", "does not have the model 'm'"},
		"no such address":        {404, openAIs("unknown_url", "Unknown request URL"), 502, "upstream_not_found", "check base_url"},
		"no such page":           {404, `<html>404</html>`, 502, "upstream_not_found", "check base_url"},
		"FastAPI has no such":    {404, `{"detail":"Not Found"}`, 502, "upstream_not_found", "check base_url"},
		"slow down":              {429, openAIs("rate_limit_exceeded", "Slow down"), 429, "rate_limit_exceeded", "Slow down"},
		"no more money":          {429, openAIs("insufficient_quota", "Pay"), 429, "insufficient_quota", "Pay"},
		"a fault of its own":     {500, openAIs("server_error", "Oops"), 500, "server_error", "Oops"},
		"overloaded":             {503, `{"error":{"message":"Loading"}}`, 503, "", "Loading"},
		"overloaded at an ape's": {529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, 503, "", "Overloaded"},
		"cloudflare":             {522, `<html>`, 502, "", "a web page"},
		"its own time-out":       {408, `{"message":"slow"}`, 504, "upstream_timeout", "slow"},
		"elsewhere":              {302, ``, 502, "upstream_redirect", "not followed"},
		"elsewhere for good":     {308, ``, 502, "upstream_redirect", "not followed"},
		"not modified":           {304, ``, 502, "upstream_redirect", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			elsewhere := answering(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was followed, with %v", r.URL, r.Header) })
			l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("X-Request-Id", "req_9")
				w.Header().Set("Location", elsewhere)
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}), `{}`)
			resp := l.ask(t, sdk.OpChat, chatBody)
			body := said(t, resp)
			var got told
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Error.Message == "" || got.Error.Type == "" {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
			}
			if resp.StatusCode != test.want || test.code != "" && got.code() != test.code || !strings.Contains(got.Error.Message, test.says) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if !strings.HasSuffix(got.Error.Message, "(request id req_9)") || resp.Header.Get("X-Upstream-Request-Id") != "req_9" {
				t.Errorf("no request id: %s", body)
			}
			if strings.Contains(body, key) || strings.Contains(body, "cdef") || len(body) > 2000 || strings.ContainsAny(got.Error.Message, "\n\r\x1b\x00") {
				t.Errorf("not fit for an answer: %q", body)
			}
			if asked.Load() != 1 {
				t.Errorf("asked %d times", asked.Load())
			}
		})
	}
}

// TestLateFaults: some services say that all is well, and then that it is not.
func TestLateFaults(t *testing.T) {
	for name, test := range map[string]struct {
		kind, body string
		want       int
		says       string
	}{
		"an answer":         {"application/json", `{"error":{"message":"Provider returned error","code":429}}`, 429, "Provider returned error"},
		"a stream":          {"text/event-stream", "data: {\"error\":{\"message\":\"No room\",\"code\":503}}\n\ndata: [DONE]\n\n", 503, "No room"},
		"without a number":  {"text/event-stream", "\n\ndata: {\"error\":{\"message\":\"No room\",\"code\":\"full\"}}\n\n", 502, "No room"},
		"a key":             {"application/json", `{"error":{"message":"x","code":401}}`, 502, "upstream_unauthorized"},
		"an odd number":     {"application/json", `{"error":"x","code":7}`, 502, "x"},
		"an answer of ours": {"application/json", `{"id":"r","error":null}`, 200, `"id":"r"`},
		"what users said":   {"text/event-stream", "data: {\"choices\":[],\"x\":{\"error\":{}}}\n\n", 200, "choices"},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				fmt.Fprint(w, test.body)
			}), `{}`)
			resp := l.ask(t, sdk.OpChat, chatBody)
			if body := said(t, resp); resp.StatusCode != test.want || !strings.Contains(body, test.says) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
}

// TestRetries: what may pass is tried again, as long and as often as is fit.
func TestRetries(t *testing.T) {
	date := time.Now().Add(1500 * time.Millisecond).UTC().Format(http.TimeFormat)
	for name, test := range map[string]struct {
		status  int
		header  [2]string
		retries int
		times   int32 // that it fails
		asked   int32
		want    int
		after   string
		least   time.Duration
	}{
		"once":             {503, [2]string{}, 2, 1, 2, 200, "", 0},
		"seconds":          {429, [2]string{"Retry-After", "0.2"}, 2, 1, 2, 200, "", 200 * time.Millisecond},
		"milliseconds":     {429, [2]string{"Retry-After-Ms", "150"}, 2, 2, 3, 200, "", 300 * time.Millisecond},
		"a date":           {503, [2]string{"Retry-After", date}, 2, 1, 2, 200, "", 0},
		"a date long past": {503, [2]string{"Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT"}, 2, 2, 3, 200, "", 0},
		"too long":         {429, [2]string{"Retry-After", "3600"}, 2, 1, 1, 429, "3600", 0},
		"nonsense":         {429, [2]string{"Retry-After", "soon"}, 1, 1, 2, 200, "", 0},
		"no more":          {502, [2]string{"Retry-After", "0"}, 2, 9, 3, 502, "", 0},
		"none":             {500, [2]string{"Retry-After", "7"}, 0, 1, 1, 500, "7", 0},
		"not that":         {400, [2]string{"Retry-After", "0"}, 2, 1, 1, 400, "", 0},
		"nor that":         {501, [2]string{"Retry-After", "0"}, 2, 1, 1, 501, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if !strings.Contains(string(body), "messages") {
					t.Errorf("a try without its body: %q", body)
				}
				if asked.Add(1) <= test.times {
					if test.header[0] != "" {
						w.Header().Set(test.header[0], test.header[1])
					}
					w.WriteHeader(test.status)
					return
				}
				fmt.Fprint(w, `{}`)
			}), `{}`, fmt.Sprintf(`"max_retries": %d`, test.retries))
			began := time.Now()
			resp := l.ask(t, sdk.OpChat, chatBody)
			if resp.StatusCode != test.want || asked.Load() != test.asked || resp.Header.Get("Retry-After") != test.after || time.Since(began) < test.least {
				t.Errorf("%d after %d tries and %v: %s, %v", resp.StatusCode, asked.Load(), time.Since(began), said(t, resp), resp.Header)
			}
		})
	}
}

// TestTimeouts: each phase has its own, and each is a 504.
func TestTimeouts(t *testing.T) {
	left := make(chan struct{}, 16)
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		left <- struct{}{}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // a connection that nobody answers on
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, test := range map[string]struct {
		serve    http.HandlerFunc
		settings string
		says     string
	}{
		"no head": {hang, `"first_byte_timeout": "50ms"`, "first_byte_timeout"},
		"a head, and then nothing": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(200)
			http.NewResponseController(w).Flush()
			hang(w, r)
		}, `"first_byte_timeout": "50ms"`, "first_byte_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, "acme", answering(t, test.serve), `{}`, test.settings)
			resp := l.ask(t, sdk.OpChat, chatBody)
			if body := said(t, resp); resp.StatusCode != 504 || !strings.Contains(body, "upstream_timeout") || !strings.Contains(body, test.says) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			<-left // the service was let go
		})
	}
	t.Run("silence in the middle", func(t *testing.T) {
		l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {}\n\n")
			http.NewResponseController(w).Flush()
			hang(w, r)
		}), `{}`, `"idle_timeout": "50ms"`)
		resp := l.ask(t, sdk.OpChat, `{"model":"m","messages":[],"stream":true}`)
		if body := said(t, resp); resp.StatusCode != 200 || !strings.HasPrefix(body, "data: {}\n\n") || !strings.Contains(body, "\n\ndata: {\"error\":") || !strings.Contains(body, "idle_timeout") || strings.Contains(body, "[DONE]") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		<-left
	})
	t.Run("no TLS", func(t *testing.T) {
		l := load(t, "acme", "https://"+silent.Addr().String()+"/v1", `{}`, `"connect_timeout": "50ms"`)
		resp := l.ask(t, sdk.OpChat, chatBody)
		if body := said(t, resp); resp.StatusCode != 504 || !strings.Contains(body, "upstream_timeout") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		l := load(t, "acme", "http://127.0.0.1:1/v1", `{}`)
		resp := l.ask(t, sdk.OpChat, chatBody)
		if body := said(t, resp); resp.StatusCode != 502 || !strings.Contains(body, "upstream_unreachable") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
}

// raw is a service that writes what is no good HTTP.
func raw(t *testing.T, pieces ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 64<<10)
			_, _ = conn.Read(buf)
			for _, p := range pieces {
				_, _ = io.WriteString(conn, p)
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "http://" + l.Addr().String() + "/v1"
}

// TestHostile: whatever a service does, the core gets an error in OpenAI's form, or a
// stream with one at its end, and nothing else of the service's.
func TestHostile(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{}`))
	z.Close()
	for name, test := range map[string]struct {
		url    string
		stream bool
		status int
		says   string
	}{
		"no HTTP":             {raw(t, "SSH-2.0-OpenSSH_9.6\r\n"), false, 502, "upstream_broken"},
		"nothing":             {raw(t), false, 502, "upstream_broken"},
		"half a head":         {raw(t, "HTTP/1.1 200 OK\r\nContent-Le"), false, 502, "upstream_broken"},
		"an endless head":     {raw(t, head, "X: "+strings.Repeat("y", 300<<10)+"\r\n\r\n"), false, 502, "upstream_broken"},
		"half a body":         {raw(t, head, "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"), false, 502, "upstream_broken"},
		"a broken chunk":      {raw(t, head, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", "a\r\ndata: {}\n\n\r\nzz\r\n"), true, 502, "upstream_broken"},
		"an end that is none": {raw(t, head, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", "a\r\ndata: {}\n\n\r\n"), true, 200, "upstream_broken"},
		"packed":              {raw(t, head, "Content-Encoding: gzip\r\nContent-Length: ", fmt.Sprint(packed.Len()), "\r\n\r\n", packed.String()), false, 502, "nobody asked for"},
		"a login":             {raw(t, head, "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), false, 502, "a web page"},
		"a switch":            {raw(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), false, 502, ""},
		"an odd type":         {raw(t, head, "Content-Type: ;;;\r\nContent-Length: 2\r\n\r\n{}"), false, 502, "a web page"},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, "acme", test.url, `{}`)
			resp := l.ask(t, sdk.OpChat, fmt.Sprintf(`{"model":"m","messages":[],"stream":%t}`, test.stream))
			if body := said(t, resp); resp.StatusCode != test.status || !strings.Contains(body, test.says) || !strings.Contains(body, `"error"`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	t.Run("headers", func(t *testing.T) {
		l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) {
			for name, value := range map[string]string{"Set-Cookie": "a=b", "X-Request-Id": "a b<script>", "Request-Id": "fine-1", "Access-Control-Allow-Origin": "*", "Location": "http://x", "X-Odd": "1", "Content-Type": "application/json"} {
				w.Header().Set(name, value)
			}
			fmt.Fprint(w, `{}`)
		}), `{}`)
		resp := l.ask(t, sdk.OpChat, chatBody)
		for _, allowed := range []string{"Content-Type", "Content-Length", "Date", "X-Upstream-Request-Id", "Connection"} {
			if allowed == "X-Upstream-Request-Id" && resp.Header.Get(allowed) != "fine-1" {
				t.Errorf("request id %q", resp.Header.Get(allowed))
			}
			resp.Header.Del(allowed)
		}
		if len(resp.Header) > 0 {
			t.Errorf("passed on: %v", resp.Header)
		}
	})
	t.Run("a huge body", func(t *testing.T) {
		const size = 200 << 20
		l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			block := make([]byte, 1<<20)
			for range size >> 20 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}), `{}`)
		resp := l.ask(t, sdk.OpChat, chatBody)
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("a huge request", func(t *testing.T) {
		l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) { t.Error("it was asked") }), `{}`)
		resp := l.ask(t, sdk.OpChat, `{"model":"m","messages":"`+strings.Repeat("x", maxBody)+`"}`)
		if body := said(t, resp); resp.StatusCode != 413 || !strings.Contains(body, "64 MiB") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
}

// TestPrivate: a name that leads to this machine is not called unless the operator
// named it; neither is one that a list or an answer names.
func TestPrivate(t *testing.T) {
	quiet(t)
	asked := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	a := configured(t, "api", `{"max_retries": 0}`, secret(""))
	u, err := a.opened(t, "m", `{"settings": {"provider": "openai"}}`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.get(t.Context(), asked+"/models") // another origin than the model's
	if err == nil || !strings.Contains(err.Error(), "another address") {
		t.Errorf("another origin: %v", err)
	}
	u.base, err = url.Parse(asked) // as if DNS led there
	if err != nil {
		t.Fatal(err)
	}
	if _, err = u.get(t.Context(), asked+"/models"); err == nil || !strings.Contains(err.Error(), "private or reserved network") {
		t.Errorf("a private network: %v", err)
	}
}

// TestLeave: a client that leaves takes the service's work with it, at any time.
func TestLeave(t *testing.T) {
	for name, begin := range map[string]bool{"before the first byte": false, "in the middle": true} {
		t.Run(name, func(t *testing.T) {
			asked, gone := make(chan struct{}), make(chan struct{})
			l := load(t, "acme", answering(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if begin {
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, "data: {}\n\n")
					http.NewResponseController(w).Flush()
				}
				close(asked)
				<-r.Context().Done()
				close(gone)
			}), `{}`)
			conn, err := net.Dial("tcp", strings.TrimPrefix(l.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(chatBody), chatBody)
			<-asked
			conn.Close()
			select {
			case <-gone:
			case <-time.After(10 * time.Second):
				t.Error("the service works on")
			}
		})
	}
}

// TestSecrets: nothing that the plugin says has a secret in it: no answer, no log.
func TestSecrets(t *testing.T) {
	quiet(t)
	var log bytes.Buffer
	for name, h := range map[string]http.HandlerFunc{
		"echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error":{"message":"you sent %s and %s"}}`, r.Header.Get("Authorization"), r.Header.Get("X-Own"))
		},
		"plain":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); fmt.Fprint(w, r.Header) },
		"wrong":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401); fmt.Fprint(w, r.Header) },
		"forbid": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403); fmt.Fprint(w, r.Header) },
		"breaks": func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"strange": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			fmt.Fprintf(w, `{"message": "no %s"}`, r.Header.Get("X-Own"))
		},
	} {
		address := answering(t, h)
		a, err := newAccount(sdk.Configuration{Deployment: "d", Settings: json.RawMessage(fmt.Sprintf(`{"base_url": %q, "max_retries": 1, "headers": {"X-Own": "mine {other_secret}", "Authorization": "Bearer {api_key}"}}`, address)),
			Secrets: map[string]string{"api_key": key, "other_secret": "0therS3cret"}, Log: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace})})
		if err != nil {
			t.Fatal(err)
		}
		u, err := a.opened(t, "m", `{}`)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		u.ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(chatBody)))
		for _, text := range []string{w.Body.String(), fmt.Sprint(w.Header()), log.String(), fmt.Sprint(u.Endpoint().Headers)} {
			if strings.Contains(text, key) || strings.Contains(text, "0therS3cret") {
				t.Errorf("%s: a secret in %s", name, text)
			}
		}
		if w.Code < 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
		u.cancel()
		a.rest()
	}
	if !strings.Contains(log.String(), "trying again") {
		t.Error("nothing was logged")
	}
}
