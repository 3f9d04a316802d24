package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/enginebay/enginebay/sdk"
)

// The headers in which the core's proxy says why there is no answer; no server beyond
// it can set them. Their values are percent-encoded sentences.
const (
	HeaderRefused     = "Enginebay-Proxy-Refused"     // by a rule; asking again does not help
	HeaderUnreachable = "Enginebay-Proxy-Unreachable" // by the network
)

// coreProxy is the socket of the core's proxy; ok is false where this is no plugin whose
// network is the core's.
func coreProxy() (socket string, ok bool) {
	return strings.CutPrefix(os.Getenv(sdk.EnvProxy), "unix:")
}

// throughCore has a transport make all its connections by the core's proxy.
func throughCore(t *http.Transport, socket string) {
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "core.invalid"}) // the name goes nowhere
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
		return proxyError(answer)
	}
}

// proxyError is what the proxy says in the place of an answer; nil where it is none of its.
func proxyError(answer *http.Response) error {
	host := strings.TrimSuffix(cmp.Or(answer.Request.Host, answer.Request.URL.Host), ":443")
	if text := sentence(answer, HeaderRefused); text != "" {
		return &Error{Host: host, Reason: text}
	}
	if text := sentence(answer, HeaderUnreachable); text != "" {
		return errors.New(text)
	}
	if answer.Request.Method == http.MethodConnect && answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the core's proxy answers %s", answer.Status)
	}
	return nil
}

func sentence(answer *http.Response, header string) string {
	text, err := url.PathUnescape(answer.Header.Get(header))
	if err != nil {
		return ""
	}
	return oneLine(text)
}
