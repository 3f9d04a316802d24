package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/net/http/httpproxy"

	"github.com/enginebay/enginebay/sdk"
)

// proxyOf is the proxy that an address is called through; nil for none.
type proxyOf func(*url.URL) (*url.URL, error)

// proxies is the operator's proxy, or that of the environment.
func proxies(address string) (proxyOf, error) {
	env := httpproxy.FromEnvironment()
	if address != "" {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
			return nil, sdk.Errorf(sdk.CodeInvalid, "the proxy is no http, https or socks5 address; it must be like http://proxy.example.com:3128") // it may hold a password
		}
		env.HTTPProxy, env.HTTPSProxy, env.CGI = address, address, false
	}
	return env.ProxyFunc(), nil
}

// always is for the transport that calls through the proxy and must never call
// without one.
func (p proxyOf) always(r *http.Request) (*url.URL, error) {
	u, err := p(r.URL)
	if err == nil && u == nil {
		err = errors.New("no proxy")
	}
	return u, err
}
