package importernode_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/enginebay/enginebay/sdk"
)

// proxy is as the core has one for plugins: CONNECT on a unix socket. It lets one host
// pass, which only it knows, and counts.
func proxy(t *testing.T, allowed, there string) (address string, passed *atomic.Int32) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ebp")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "proxy.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	passed = &atomic.Int32{}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != allowed {
			w.Header().Set("Enginebay-Proxy-Refused", url.PathEscape("is not among the hosts that the plugin may reach"))
			w.WriteHeader(http.StatusForbidden)
			return
		}
		passed.Add(1)
		connect(w, there)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
		os.RemoveAll(dir)
	})
	return "unix:" + socket, passed
}

// connect copies both ways until both sides have said all.
func connect(w http.ResponseWriter, host string) {
	there, err := net.Dial("tcp", host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	fmt.Fprint(here, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(there, here)
		_ = there.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(here, there)
	here.Close()
	<-done
}

// TestProxy: where the core gives it a proxy, the importer goes no other way.
func TestProxy(t *testing.T) {
	library := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, two) })
	plain, secure := httptest.NewServer(library), httptest.NewTLSServer(library)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		server         *httptest.Server
		library, asked string
	}{
		"http":  {plain, "http://library.invalid/library.json", "library.invalid:80"},
		"https": {secure, "https://example.com:4443/library.json", "example.com:4443"}, // which httptest's certificate is for
	} {
		t.Run(name, func(t *testing.T) {
			_, there, _ := strings.Cut(test.server.URL, "://")
			address, passed := proxy(t, test.asked, there)
			p := started(t, "ENGINEBAY_PROXY="+address, "NODE_EXTRA_CA_CERTS="+trusted)
			configure(t, p, test.library, "")
			if plans, err := p.Resolve(t.Context(), "library://tiny"); err != nil || len(plans) != 2 {
				t.Errorf("%d plans, %v", len(plans), err)
			}
			if passed.Load() != 1 {
				t.Errorf("the proxy was asked %d times", passed.Load())
			}
			configure(t, p, "http://127.0.0.1:1/library.json", "")
			if _, err := p.Resolve(t.Context(), "library://tiny"); sdk.CodeOf(err) != sdk.CodeInvalid || !strings.Contains(err.Error(), "127.0.0.1:1 is not among the hosts") {
				t.Errorf("what the proxy refuses: %v", err)
			}
		})
	}
}
