// Package egress is the way of a confined plugin into the network: an HTTP proxy on a
// unix socket in the plugin's run folder.
//
// It connects (CONNECT host:port), and passes on requests with an http address in full.
// Only the hosts of its [Rules] are reached. Names are looked up here, and the address
// that comes of it is looked at: one of a private network is called only where the
// operator named the host. The server's own proxy (HTTPS_PROXY and so on) is gone through
// where there is one; the plugin never sees it.
package egress

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/net/netutil"

	"github.com/enginebay/enginebay/sdk/web"
)

const (
	maxConnections = 256 // of one plugin
	maxHeader      = 64 << 10
	headerTimeout  = 10 * time.Second
	idleTimeout    = time.Minute
	dialTimeout    = 20 * time.Second
)

// A Proxy is a socket that is listened at.
type Proxy struct {
	allowed *allowed
	log     hclog.Logger
	gate    *gate
	ways    ways
	server  *http.Server
	forward *httputil.ReverseProxy
	serving sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	tunnels map[net.Conn]struct{}
	told    map[string]bool // hosts whose refusal stands in the log
}

// Listen answers at a socket until Close, once it was told by Admit whom. Errors are of the rules, with
// [sdk.CodeInvalid], or of the socket.
func Listen(socket string, rules Rules, log hclog.Logger) (*Proxy, error) {
	allowed, err := rules.read()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen for the plugin's network: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("close the plugin's network to others: %w", err)
	}
	p := &Proxy{allowed: allowed, log: log, gate: newGate(listener), ways: newWays(allowed), tunnels: map[net.Conn]struct{}{}, told: map[string]bool{}}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.Host = r.In.URL.Host  // a Host header that says another is not believed
			r.Out.Header.Del("Upgrade") // a tunnel that Close would know nothing of
			r.Out.Header.Del("Connection")
		},
		Transport:     p.ways,
		FlushInterval: -1,
		ErrorLog:      quiet,
		ModifyResponse: func(answer *http.Response) error {
			answer.Header.Del(web.HeaderRefused)
			answer.Header.Del(web.HeaderUnreachable)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { p.refuse(w, r.URL.Host, err) },
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.answer), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: quiet}
	p.serving.Go(func() { _ = p.server.Serve(netutil.LimitListener(p.gate, maxConnections)) })
	return p, nil
}

// Admit says which process the proxy is for, and all that it starts: the first counts. No
// other is answered.
func (p *Proxy) Admit(pid int) { p.gate.admit(pid) }

// quiet drops what net/http says of a plugin's mistakes.
var quiet = log.New(io.Discard, "", 0)

// Close ends all connections, and returns when they are gone.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	for conn := range p.tunnels {
		conn.Close()
	}
	p.mu.Unlock()
	_ = p.server.Close()
	_ = p.gate.Close() // where it is not served yet the server knows of none
	p.serving.Wait()
	p.ways.close()
}

// begin counts a request, unless the end has come.
func (p *Proxy) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.serving.Add(1)
	}
	return !p.closed
}

func (p *Proxy) answer(w http.ResponseWriter, r *http.Request) {
	if !p.begin() {
		return
	}
	defer p.serving.Done()
	switch {
	case r.Method == http.MethodConnect:
		p.connect(w, r)
	case r.URL.Scheme == "http" && r.URL.Host != "" && r.URL.User == nil:
		name, port := r.URL.Hostname(), r.URL.Port()
		if port == "" {
			port = "80"
		}
		if err := p.allowed.passes("http", name, port); err != nil {
			p.refuse(w, r.URL.Host, err)
			return
		}
		p.forward.ServeHTTP(w, r)
	default:
		http.Error(w, "this is a proxy: CONNECT to a host, or name an http address in full", http.StatusBadRequest)
	}
}

// refuse answers in the place of a host, and tells the operator once for each.
func (p *Proxy) refuse(w http.ResponseWriter, host string, err error) {
	var refused *web.Error
	if !errors.As(err, &refused) {
		w.Header().Set(web.HeaderUnreachable, url.PathEscape(err.Error()))
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.Header().Set(web.HeaderRefused, url.PathEscape(refused.Reason))
	w.WriteHeader(http.StatusForbidden)
	const most = 100 // a plugin may try any number of names
	p.mu.Lock()
	news := !p.told[host] && len(p.told) < most
	if news {
		p.told[host] = true
	}
	p.mu.Unlock()
	if news {
		p.log.Warn("the plugin wants to reach a host that it may not", "host", fmt.Sprintf("%.200q", host), "reason", refused.Reason)
	}
}
