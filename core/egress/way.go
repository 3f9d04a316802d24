package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// ways are those to a host: by itself, where the address that comes of its name is
// looked at, and through the server's own proxy, which looks names up itself. They are two
// transports, so that an address that only looks like the proxy's is never taken for it.
type ways struct {
	proxy           func(*url.URL) (*url.URL, error)
	allowed         *allowed
	direct, proxied *http.Transport
}

func newWays(a *allowed) ways {
	w := ways{proxy: httpproxy.FromEnvironment().ProxyFunc(), allowed: a}
	w.direct, w.proxied = transport(), transport()
	w.direct.DialContext = w.allowed.guard.DialContext
	w.proxied.Proxy = func(r *http.Request) (*url.URL, error) {
		u, err := w.proxy(r.URL)
		if err == nil && u == nil {
			err = errors.New("no proxy")
		}
		return u, err
	}
	return w
}

func transport() *http.Transport {
	return &http.Transport{IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: 16, TLSHandshakeTimeout: dialTimeout, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext}
}

// RoundTrip implements http.RoundTripper, for addresses of http.
func (w ways) RoundTrip(r *http.Request) (*http.Response, error) {
	u, err := w.proxy(r.URL)
	switch {
	case err != nil:
		return nil, errProxy
	case u != nil:
		return w.proxied.RoundTrip(r)
	}
	return w.direct.RoundTrip(r)
}

// errProxy says no more: the address of a proxy may hold a password.
var errProxy = errors.New("the server's proxy is no address of one; look at HTTPS_PROXY and HTTP_PROXY of the server")

func (w ways) close() {
	w.direct.CloseIdleConnections()
	w.proxied.CloseIdleConnections()
}

// dial opens a connection to a host, for whatever is said over it.
func (w ways) dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	u, err := w.proxy(&url.URL{Scheme: "https", Host: address})
	switch {
	case err != nil:
		return nil, errProxy
	case u == nil:
		return w.allowed.guard.DialContext(ctx, "tcp", address)
	case u.Scheme == "socks5" || u.Scheme == "socks5h":
		socks, err := proxy.FromURL(u, &net.Dialer{})
		if err != nil {
			return nil, errProxy
		}
		return socks.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
	}
	return throughProxy(ctx, u, address)
}

// throughProxy asks an HTTP proxy for a connection.
func throughProxy(ctx context.Context, u *url.URL, address string) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("reach the server's proxy: %w", err)
	}
	if u.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	}
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	through, err := ask(conn, u, address)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return through, conn.SetDeadline(time.Time{})
}

func ask(conn net.Conn, u *url.URL, address string) (net.Conn, error) {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{"User-Agent": {"enginebay"}}}
	if password, ok := u.User.Password(); ok || u.User != nil {
		credentials := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		r.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := r.Write(conn); err != nil {
		return nil, fmt.Errorf("ask the server's proxy: %w", err)
	}
	read := bufio.NewReader(conn)
	answer, err := http.ReadResponse(read, r)
	if err != nil {
		return nil, fmt.Errorf("ask the server's proxy: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server's proxy answers %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return &buffered{conn, read}, nil
}

// buffered is a connection of which something was read already.
type buffered struct {
	net.Conn
	read *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.read.Read(p) }

// CloseWrite says that no more comes from this side.
func (b *buffered) CloseWrite() error {
	if half, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
