// Package web makes HTTP calls to strangers: to catalogues of models, and to
// wherever they say that the files are.
//
// What a client from [New] does beside net/http: it looks at every address after
// DNS and calls none of private networks that the operator has not allowed; it
// sends a token to the origin that it belongs to and to no other, whatever
// redirects say; it follows ten redirects at most and none to plain http from
// https; it waits for a connection and the first line of an answer only so long.
// There is no time-out over a whole call: bodies may be large, and a context ends
// them. Bodies come as they are sent, never unpacked.
//
// In a plugin whose network is the core's ([sdk.EnvProxy]), all of it goes through the
// core, which looks at the addresses itself and keeps to what the operator named.
//
// An importer reads its catalogue with a [Catalogue].
package web

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// A Config says how a client calls. Its zero value calls public addresses only,
// through the proxy of the environment where there is one.
type Config struct {
	UserAgent string // default "enginebay"

	// Tokens are bearer tokens by origin, as "https://huggingface.co". They are
	// sent there and nowhere else.
	Tokens map[string]string

	// Private is what may be called of private networks: host names ("localhost",
	// with ":port" only that port), addresses, prefixes ("10.0.0.0/8"), origins, or
	// "*" for all of it, except the metadata services of clouds, which must be
	// named. An importer names the origin that it was configured for.
	Private []string

	// Proxy is the address of an http, https or socks5 proxy; empty: that of the
	// environment (HTTPS_PROXY and so on). NO_PROXY counts for both. This machine
	// itself is never called through a proxy. The proxy is the operator's, and may
	// be in a private network; names are then looked up by the proxy, and only
	// what an address says itself is checked here.
	Proxy string

	CA string // PEM file of further certificate authorities

	// HTTP1 keeps HTTP/2 out, which would send all that goes to one server over one
	// connection. Many connections at once are what makes a download fast.
	HTTP1 bool

	// Connect bounds how long a connection may take, with its TLS, and Header how long
	// the first line of an answer; below 0 is no bound. 0 is the usual for a catalogue.
	Connect, Header time.Duration

	// Idle is how many connections to one server are kept for the next call; 0 is
	// the usual for a catalogue.
	Idle int
}

// The time-outs. A catalogue may think for a while before its first line.
const (
	dialTimeout   = 20 * time.Second
	tlsTimeout    = 20 * time.Second
	headerTimeout = 60 * time.Second
	idleTimeout   = 60 * time.Second
)

// New makes a client. It may be used concurrently; CloseIdleConnections ends
// what it keeps open. Errors have [sdk.CodeInvalid], and name the wrong setting.
func New(c Config) (*http.Client, error) {
	guard, err := NewGuard(c.Private)
	if err != nil {
		return nil, err
	}
	tokens, err := readTokens(c.Tokens)
	if err != nil {
		return nil, err
	}
	proxy, err := proxies(c.Proxy)
	if err != nil {
		return nil, err
	}
	roots, err := authorities(c.CA)
	if err != nil {
		return nil, err
	}
	direct, proxied := c.transport(roots), c.transport(roots)
	guard.timeout = bound(c.Connect, dialTimeout)
	direct.DialContext = guard.DialContext
	proxied.DialContext = (&net.Dialer{Timeout: guard.timeout}).DialContext
	proxied.Proxy = proxy.always
	agent := c.UserAgent
	if agent == "" {
		agent = "enginebay"
	}
	caller := &caller{agent: agent, tokens: tokens, guard: guard, proxy: proxy, direct: direct, proxied: proxied}
	if socket, ok := coreProxy(); ok {
		caller.core = c.transport(roots)
		throughCore(caller.core, socket)
	}
	return &http.Client{Transport: caller, CheckRedirect: checkRedirect}, nil
}

// bound is a time-out as it is asked for; 0 is none.
func bound(asked, usual time.Duration) time.Duration {
	return max(0, cmp.Or(asked, usual))
}

func (c Config) transport(roots *x509.CertPool) *http.Transport {
	idle := cmp.Or(c.Idle, 16)
	return &http.Transport{
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    bound(c.Connect, tlsTimeout),
		ResponseHeaderTimeout:  bound(c.Header, headerTimeout),
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           4 * idle,
		MaxIdleConnsPerHost:    idle,
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      !c.HTTP1,
		// A connection that died without a word would else take all that waits on it along.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// authorities are those of the system, and those of the file; nil leaves them to
// crypto/tls.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &sdk.Error{Code: sdk.CodeInvalid, Message: "read the certificate authorities", Cause: err}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, sdk.Errorf(sdk.CodeInvalid, "%s has no certificates; it must be a PEM file", file)
	}
	return roots, nil
}

// caller sends one request: the checks of its address, its token, and the way,
// through a proxy or not. These are two transports, so that an address that only
// looks like the proxy's is never taken for it.
type caller struct {
	agent   string
	tokens  map[string]string
	guard   *Guard
	proxy   proxyOf
	direct  *http.Transport
	proxied *http.Transport
	core    *http.Transport // through the core's proxy; nil where there is none
}

// RoundTrip implements http.RoundTripper; it sees every hop of a redirect.
func (c *caller) RoundTrip(r *http.Request) (*http.Response, error) {
	via, err := c.way(r)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	set := func(name, value string) {
		if r.Header.Get(name) == "" {
			r.Header.Set(name, value)
		}
	}
	set("User-Agent", c.agent)
	set("Accept-Encoding", "identity")
	if token := c.tokens[Origin(r.URL)]; token != "" {
		set("Authorization", "Bearer "+token)
	}
	answer, err := via.RoundTrip(r)
	if err == nil && via == c.core {
		if err := proxyError(answer); err != nil {
			answer.Body.Close()
			return nil, err
		}
	}
	return answer, err
}

func (c *caller) way(r *http.Request) (*http.Transport, error) {
	if c.core != nil { // the core looks at the address
		return c.core, checkURL(r.URL)
	}
	if err := c.guard.Check(r.URL); err != nil {
		return nil, err
	}
	proxy, err := c.proxy(r.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the proxy for %s: %w", r.URL.Host, err)
	case proxy != nil:
		return c.proxied, nil
	}
	return c.direct, nil
}

// CloseIdleConnections is called by that of http.Client.
func (c *caller) CloseIdleConnections() {
	c.direct.CloseIdleConnections()
	c.proxied.CloseIdleConnections()
	if c.core != nil {
		c.core.CloseIdleConnections()
	}
}
