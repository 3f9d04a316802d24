package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enginebay/enginebay/core/api"
	"github.com/enginebay/enginebay/core/keys"
)

func header(name string, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestWhatBrowsersCouldBeTrickedInto(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	own := strings.TrimPrefix(b.url, "http://")
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		status int
		says   string
	}{
		{"a foreign host", host("evil.example"), 403, "is not one of this server's names"},
		{"a host that only begins well", host("localhost.evil.example"), 403, "names"},
		{"localhost", host("localhost:1337"), 200, ""},
		{"LOCALHOST", host("LOCALHOST"), 200, ""},
		{"an address", host("[::1]:1337"), 200, ""},
		{"an address without a port", host("127.0.0.1"), 200, ""},
		{"a page of this server", header("Origin", b.url), 200, ""},
		{"a page of this server, behind TLS", header("Origin", "https://"+own), 200, ""},
		{"a page of another server", header("Origin", "https://evil.example"), 403, "add it to origins in enginebay.yaml"},
		{"a page of another port", header("Origin", "http://127.0.0.1:3000"), 403, "may not use this server"},
		{"a page with a name like ours", header("Origin", b.url+".evil.example"), 403, "may not"},
		{"a page of nobody", header("Origin", "null"), 403, "may not"},
		{"half an origin", header("Origin", own), 403, "may not"},
		{"an origin of another kind", header("Origin", "file://"+own), 403, "may not"},
		{"a page that was rebound", func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("Origin", "http://evil.example") }, 403, "names"},
		{"a form, a script or an image of another's page", header("Sec-Fetch-Site", "cross-site"), 403, "another server"},
		{"the same from another port", header("Sec-Fetch-Site", "same-site"), 403, "another server"},
		{"a script of ours", header("Sec-Fetch-Site", "same-origin"), 200, ""},
		{"an address typed by hand", header("Sec-Fetch-Site", "none"), 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for method, path := range map[string]string{"POST": "/v1/chat/completions", "GET": "/v1/models", "HEAD": "/healthz"} {
				body := ""
				if method == "POST" {
					body = chat("m", "hi")
				}
				status, answer, head := b.ask(method, path, body, test.change)
				if status != test.status || method != "HEAD" && !strings.Contains(answer, test.says) {
					t.Errorf("%s: status %d, want %d and %q: %s", method, status, test.status, test.says, answer)
				}
				if head.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("no origin is configured, and a page may read this: %v", head)
				}
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBay(t, nil, keyed, func(c *api.Config) { c.Origins = []string{"https://Chat.example/", "app://notes"} })
	for _, test := range []struct {
		name, method, path, origin string
		change                     func(*http.Request)
		status                     int
	}{
		{"allowed", "GET", "/v1/models", "https://chat.example", bearer(secret), 200},
		{"in capitals", "GET", "/v1/models", "https://CHAT.example", bearer(secret), 200},
		{"an application", "GET", "/v1/models", "app://notes", bearer(secret), 200},
		{"allowed, but without a key", "GET", "/v1/models", "https://chat.example", same, 401},
		{"allowed, but not there", "GET", "/v1/nothing", "https://chat.example", bearer(secret), 404},
		{"another", "GET", "/v1/models", "https://evil.example", bearer(secret), 403},
		{"without TLS", "GET", "/v1/models", "http://chat.example", bearer(secret), 403},
		{"a preflight, which has no key", "OPTIONS", "/v1/models", "https://chat.example", header("Access-Control-Request-Method", "POST"), 204},
		{"a preflight of another", "OPTIONS", "/v1/models", "https://evil.example", header("Access-Control-Request-Method", "POST"), 403},
		{"no preflight", "OPTIONS", "/v1/models", "https://chat.example", bearer(secret), 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body, head := b.ask(test.method, test.path, "", func(r *http.Request) { r.Header.Set("Origin", test.origin); test.change(r) })
			if status != test.status {
				t.Errorf("status %d, want %d: %s", status, test.status, body)
			}
			want := test.origin
			if test.status == 403 {
				want = ""
			}
			if head.Get("Access-Control-Allow-Origin") != want || !strings.HasPrefix(head.Get("Vary"), "Origin") || head.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%v", head)
			}
		})
	}
	const asked = "authorization,content-type,x-stainless-lang,openai-beta"
	_, _, head := b.ask("OPTIONS", "/v1/chat/completions", "", func(r *http.Request) {
		r.Header = http.Header{"Origin": {"https://chat.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {asked}}
	})
	if head.Get("Access-Control-Allow-Headers") != asked || !strings.Contains(head.Get("Access-Control-Allow-Methods"), "POST") || head.Get("Access-Control-Max-Age") == "" {
		t.Errorf("%v", head)
	}
}

// TestApply changes the policy of a server that runs.
func TestApply(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	foreign := func(r *http.Request) { r.Host = "bay.example"; r.Header.Set("Origin", "null") }
	for i, test := range []struct {
		policy api.Policy
		status int
	}{
		{api.Policy{}, 403},
		{api.Policy{Hosts: []string{"Bay.example"}}, 403},
		{api.Policy{Hosts: []string{"bay.example"}, Origins: []string{"*"}}, 200},
		{api.Policy{Hosts: []string{"bay.example"}, Origins: []string{"*"}, MaxBody: 10}, 413},
		{api.Policy{}, 403},
	} {
		b.server.Apply(test.policy)
		status, body, head := b.ask("POST", "/v1/chat/completions", chat("m", "hi"), foreign)
		if status != test.status {
			t.Errorf("%d: status %d, want %d: %s", i, status, test.status, body)
		}
		if status == 200 && head.Get("Access-Control-Allow-Origin") != "null" {
			t.Errorf("%v", head)
		}
	}
}

func TestBodies(t *testing.T) {
	b := newBay(t, map[string]string{"m": `{}`})
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("model", "m")
	w.Close()
	for _, test := range []struct {
		name, path, body string
		change           func(*http.Request)
		status           int
		says             string
	}{
		{"JSON", "/v1/chat/completions", chat("m", "hi"), header("Content-Type", "Application/JSON ; charset=utf-8"), 200, ""},
		{"nearly JSON", "/v1/chat/completions", chat("m", "hi"), header("Content-Type", "application/jsonp"), 415, "send application/json"},
		{"a text", "/v1/chat/completions", chat("m", "hi"), header("Content-Type", "text/plain"), 415, "send application/json"},
		{"no type", "/v1/chat/completions", chat("m", "hi"), func(r *http.Request) { r.Header.Del("Content-Type") }, 415, "send application/json"},
		{"a form", "/v1/chat/completions", form.String(), header("Content-Type", w.FormDataContentType()), 415, "send application/json"},
		{"a form where one belongs", "/v1/audio/transcriptions", form.String(), header("Content-Type", w.FormDataContentType()), 400, "does not answer /v1/audio/transcriptions"},
		{"a text where a form belongs", "/v1/audio/transcriptions", form.String(), header("Content-Type", "text/plain"), 415, "send multipart/form-data"},
		{"a compressed body", "/v1/chat/completions", chat("m", "hi"), header("Content-Encoding", "gzip"), 415, "Compressed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if status, body, _ := b.ask("POST", test.path, test.body, test.change); status != test.status || !strings.Contains(body, test.says) {
				t.Errorf("status %d, want %d and %q: %s", status, test.status, test.says, body)
			}
		})
	}
	if status, body, _ := b.ask("PUT", "/v1/models/m/start", `{"tokens": 1}`, header("Content-Type", "text/plain")); status != 415 {
		t.Errorf("a PUT: status %d: %s", status, body)
	}
	if status, body, _ := b.ask("PUT", "/v1/models/m/start", "", func(r *http.Request) { r.Header.Del("Content-Type") }); status != 200 {
		t.Errorf("no body needs no type: status %d: %s", status, body)
	}
}

// raw sends bytes as they are and reads one answer.
func (b *bay) raw(t *testing.T, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	if err == nil && resp.StatusCode == 100 {
		resp, err = http.ReadResponse(answers, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestWhatIsNoRequest: errors in OpenAI's form also where no handler is asked.
func TestWhatIsNoRequest(t *testing.T) {
	b := newBay(t, nil)
	for _, test := range []struct {
		name, request string
		status        int
		says          string
		closes        bool
	}{
		{"an unknown method", "BREW /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "does not take that method", false},
		{"a method that no route takes", "TRACE /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "does not take that method", false},
		{"a method of another route", "DELETE /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "does not take that method", false},
		{"no HTTP", "hello\r\n\r\n", 400, "HTTP/1.1", true},
		{"no header", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400, "HTTP/1.1", true},
		{"no host", "GET /v1/models HTTP/1.1\r\n\r\n", 400, "HTTP/1.1", true},
		{"no host, in the older way", "GET /v1/models HTTP/1.0\r\n\r\n", 403, "names", true},
		{"another host in the address", "GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", 403, "names", false},
		{"large headers", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 431, "16 KiB", true},
		{"a large body", fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n{", 64<<20+1), 413, "max_body", true},
		{"a body of no length", "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{", 400, "HTTP/1.1", true},
		{"two readings", "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\ncontent-LENGTH: 2\r\nTRANSFER-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "in two ways", true},
		{"a header over two lines", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", 400, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp, body := b.raw(t, test.request)
			if e := openAIError(t, body); resp.StatusCode != test.status || !strings.Contains(e.Error.Message, test.says) {
				t.Errorf("status %d, want %d and %q: %s", resp.StatusCode, test.status, test.says, body)
			}
			if resp.Close != test.closes {
				t.Errorf("the connection closes: %v, want %v", resp.Close, test.closes)
			}
			if resp.StatusCode == 405 && resp.Header.Get("Allow") == "" {
				t.Errorf("no Allow: %v", resp.Header)
			}
		})
	}
}

// TestStrangersBody: of who has no key, no large body is read, and the answer says why.
func TestStrangersBody(t *testing.T) {
	secret, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b := newBay(t, nil, keyed)
	request := func(headers ...string) string {
		return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
	}
	long := "Content-Length: 1000000"
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"no key":                 {request(long), 401},
		"a wrong key":            {request(long, "Authorization: Bearer x"), 401},
		"in chunks":              {request("Transfer-Encoding: chunked") + "f4240\r\n" + strings.Repeat("x", 100<<10), 413}, // whose it was is forgotten
		"asked before":           {request(long, "Expect: 100-continue"), 401},
		"a foreign page":         {request(long, "Origin: https://evil.example"), 403},
		"too large, with a key":  {request("Content-Length: 100000000", "Authorization: Bearer "+secret), 413},
		"all there, with a key":  {request("Content-Length: 100000", "Authorization: Bearer "+secret) + strings.Repeat("x", 100_000), 400},
		"all there, and no key":  {request("Content-Length: 1000") + strings.Repeat("x", 1000), 401},
		"a little, and no route": {"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789", 404},
	} {
		t.Run(name, func(t *testing.T) {
			if resp, body := b.raw(t, test.request); resp.StatusCode != test.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, test.status, body)
			}
		})
	}
}

// TestTooLargeForAClient sends a whole body that is refused, as clients do: they
// read the answer only when they have sent all.
func TestTooLargeForAClient(t *testing.T) {
	b := newBay(t, nil)
	if status, body, _ := b.ask("POST", "/v1/chat/completions", strings.Repeat("x", 70<<20), same); status != 413 {
		t.Errorf("status %d: %s", status, body)
	}
	_, _, keyed := withKeys(t, keys.Key{Name: "a"})
	b = newBay(t, nil, keyed)
	if status, body, _ := b.ask("POST", "/v1/chat/completions", strings.Repeat("x", 20<<20), same); status != 401 {
		t.Errorf("status %d: %s", status, body)
	}
}

func TestAllowNamesTheMethods(t *testing.T) {
	b := newBay(t, nil)
	_, _, head := b.ask("DELETE", "/v1/chat/completions", "", same)
	if allowed := strings.Split(head.Get("Allow"), ", "); !slices.Contains(allowed, "POST") {
		t.Errorf("%v", head)
	}
}

// TestHead: the connection can be used again, after the head of a stream too.
func TestHead(t *testing.T) {
	b := newBay(t, nil)
	for _, path := range []string{"/healthz", "/v1/models", "/v1/events"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		answers := bufio.NewReader(conn)
		for range 2 {
			fmt.Fprintf(conn, "HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
			resp, err := http.ReadResponse(answers, &http.Request{Method: "HEAD"})
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%s: %v, %v", path, resp, err)
			}
		}
	}
}
