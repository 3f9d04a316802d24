package main

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// importers says where models can be pulled from.
func (e *examination) importers(found []pluginhost.Plugin) {
	var names []string
	for _, p := range found {
		if p.Err == nil && p.Is(sdk.KindImporter) {
			names = append(names, p.Name)
		}
	}
	const always = "web addresses of files, files of this machine, and other tools' models"
	if len(names) == 0 {
		e.ok("importers", "no plugin; models come from %s", always)
		return
	}
	e.ok("importers", "%s; beside them %s", strings.Join(names, ", "), always)
}

// proxy looks whether somebody answers where downloads are sent first.
func (e *examination) proxy() {
	const advice = "mend download_proxy in enginebay.yaml, or HTTPS_PROXY in the environment of the server"
	proxy, err := e.config.proxy()
	switch {
	case err != nil:
		e.warn("proxy", advice, "%v", err)
		return
	case proxy == nil:
		return
	}
	conn, err := net.DialTimeout("tcp", hostPort(proxy), 2*time.Second)
	if err != nil {
		e.warn("proxy", advice, "downloads go through %s, where nobody answers: %v", proxy.Redacted(), err)
		return
	}
	conn.Close()
	e.ok("proxy", "downloads go through %s", proxy.Redacted())
}

// proxy is where downloads go first, as far as the environment of this program is
// that of the server; nil where they go straight.
func (c *config) proxy() (*url.URL, error) {
	if c.DownloadProxy != "" {
		proxy, err := url.Parse(c.DownloadProxy)
		if err != nil { // its own words could show a password
			return nil, errors.New("download_proxy is no address of a proxy")
		}
		return proxy, nil
	}
	req, err := http.NewRequest(http.MethodGet, "https://huggingface.co", nil)
	if err != nil {
		return nil, err
	}
	return http.ProxyFromEnvironment(req)
}

// hostPort is what to dial for an address.
func hostPort(u *url.URL) string {
	port := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	return net.JoinHostPort(u.Hostname(), firstOf(u.Port(), port))
}
