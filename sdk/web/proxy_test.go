package web_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/enginebay/enginebay/sdk/web"
)

// proxy is a real one, for CONNECT and for plain requests. It leads every name to
// one server, as only it can look names up, and keeps what it was asked for.
type proxy struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func startProxy(t *testing.T, to *httptest.Server) *proxy {
	p := &proxy{}
	p.Server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r.Method+" "+r.Host+" "+r.Header.Get("Proxy-Authorization"))
		p.mu.Unlock()
		if r.Method != http.MethodConnect {
			io.WriteString(w, "by way of the proxy "+r.Header.Get("Authorization"))
			return
		}
		tunnel(t, w, to.Listener.Addr().String())
	})
	return p
}

func tunnel(t *testing.T, w http.ResponseWriter, address string) {
	there, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer there.Close()
	w.WriteHeader(http.StatusOK)
	here, rest, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer here.Close()
	var both sync.WaitGroup
	both.Go(func() { io.Copy(there, rest); there.(*net.TCPConn).CloseWrite() })
	both.Go(func() { io.Copy(here, there); here.(*net.TCPConn).CloseWrite() })
	both.Wait()
}

func (p *proxy) saw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.asked, "\n")
}

func TestProxy(t *testing.T) {
	secure, ca := serveTLS(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "through the tunnel") })
	for name, test := range map[string]struct {
		address, body, saw string
	}{
		"https": {"https://example.com/x", "through the tunnel", "CONNECT example.com:443 Basic bWU6cHc="},
		"http":  {"http://hub.test/x", "by way of the proxy Bearer t0k", "GET hub.test Basic bWU6cHc="},
	} {
		t.Run(name, func(t *testing.T) {
			p := startProxy(t, secure)
			// nothing private is allowed: the proxy is the operator's
			h := client(t, web.Config{Proxy: strings.Replace(p.URL, "//", "//me:pw@", 1), CA: ca, Tokens: map[string]string{"http://hub.test": "t0k"}})
			body, err := ask(t, h, test.address)
			h.CloseIdleConnections()
			if err != nil || body != test.body || p.saw() != test.saw {
				t.Errorf("%q, %v; the proxy saw\n%s", body, err, p.saw())
			}
		})
	}
}

// TestProxyOpensNothing: a private address is no more allowed through the proxy
// than without, and one that is the proxy's own is no exception.
func TestProxyOpensNothing(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "private") })
	p := startProxy(t, s)
	h := client(t, web.Config{Proxy: p.URL})
	for _, address := range []string{"http://10.1.2.3/", "https://169.254.169.254/", "http://[64:ff9b::a00:1]/", "http://localhost/", "http://127.1/",
		"http://metadata.google.internal/", s.URL, p.URL, reach(t, p.Server, "localhost"), "http://１０.0.0.1/", "http://0xa000001/"} {
		_, err := ask(t, h, address)
		refused(t, err, "")
	}
	if p.saw() != "" {
		t.Errorf("the proxy was asked for %s", p.saw())
	}
}

// TestProxyOfTheEnvironment counts where none is set; NO_PROXY counts for both.
func TestProxyOfTheEnvironment(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	p := startProxy(t, s)
	client(t, web.Config{}) // clears the environment
	t.Setenv("HTTP_PROXY", p.URL)
	t.Setenv("NO_PROXY", "10.9.8.7,127.0.0.1")
	for _, c := range []web.Config{{}, {Proxy: p.URL}} {
		h, err := web.New(c)
		if err != nil {
			t.Fatal(err)
		}
		defer h.CloseIdleConnections()
		if body, err := ask(t, h, "http://hub.test/x"); !strings.HasPrefix(body, "by way of the proxy") {
			t.Errorf("%q, %v", body, err)
		}
		_, err = ask(t, h, "http://10.9.8.7/x")
		refused(t, err, never)
	}
}

// TestProxyThatIsGone: no call is made without the proxy instead.
func TestProxyThatIsGone(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "reached") })
	gone := httptest.NewServer(nil)
	gone.Close()
	h := client(t, web.Config{Proxy: gone.URL, Private: []string{"*"}})
	if body, err := ask(t, h, "http://hub.test/"); err == nil {
		t.Errorf("got %q", body)
	}
	if body, _ := ask(t, h, s.URL); body != "reached" {
		t.Errorf("this machine itself is not called through a proxy, got %q", body)
	}
}
