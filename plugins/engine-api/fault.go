package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
	"github.com/enginebay/enginebay/sdk/web"
)

// failed makes the error of a service that did not do its part.
func failed(status int, code, format string, args ...any) *openai.Error {
	return &openai.Error{Status: status, Message: fmt.Sprintf(format, args...), Code: code}
}

// broken makes a fault of an error between the plugin and the service.
func (u *upstream) broken(err error) *openai.Error {
	var said *openai.Error
	var refused *web.Error
	var coded *sdk.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &said):
		return said
	case errors.As(err, &large):
		return failed(http.StatusRequestEntityTooLarge, "request_too_large", "The request is larger than %d MiB", maxBody>>20)
	case errors.Is(err, errFirstByte):
		return failed(http.StatusGatewayTimeout, "upstream_timeout", "%s did not answer within %v; the setting first_byte_timeout says how long it may take", u.row.name, time.Duration(u.FirstByteTimeout))
	case errors.Is(err, errIdle):
		return failed(http.StatusGatewayTimeout, "upstream_timeout", "%s went silent for %v in the middle of its answer; the setting idle_timeout says how long it may", u.row.name, time.Duration(u.IdleTimeout))
	case errors.Is(err, context.Canceled):
		return failed(http.StatusServiceUnavailable, "canceled", "The request was called off")
	case errors.As(err, &refused):
		return failed(http.StatusBadGateway, "upstream_refused", "'%s' is in a private or reserved network, or no address of a host; the operator can name it as base_url or in origins of engines/%s.json", refused.Host, u.account.id)
	case errors.As(err, &coded) && coded.Code == sdk.CodeUnauthorized:
		return failed(http.StatusBadGateway, "upstream_unauthorized", "%s", coded.Message)
	case errors.As(err, &coded):
		return failed(http.StatusBadGateway, "upstream_unreachable", "%s", coded.Message)
	}
	return u.unreachable(err)
}

// unreachable is a service that cannot be called, or that broke off. The error
// itself names addresses and is for the log.
func (u *upstream) unreachable(err error) *openai.Error {
	u.log.Warn("service not reached", "provider", u.row.name, "model", u.id, "error", u.tidy(err.Error()))
	var slow interface{ Timeout() bool }
	if errors.As(err, &slow) && slow.Timeout() {
		return failed(http.StatusGatewayTimeout, "upstream_timeout", "%s at %s cannot be reached in time; check the network, and the proxy where there is one", u.row.name, web.Origin(u.base))
	}
	if !connected(err) {
		return failed(http.StatusBadGateway, "upstream_unreachable", "%s at %s cannot be reached; check base_url, the network, and the proxy where there is one", u.row.name, web.Origin(u.base))
	}
	return failed(http.StatusBadGateway, "upstream_broken", "%s broke off its answer, or does not answer as HTTP; ask again, and check base_url where that does not help", u.row.name)
}

// connected says whether an error came after the connection was there.
func connected(err error) bool {
	var dial *net.OpError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return !(errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &dns) || errors.As(err, &certificate) || errors.As(err, &record))
}

// do sends a request that a dialect has made. What is no 2xx is a *openai.Error.
func (u *upstream) do(r *http.Request) (*http.Response, error) {
	resp, err := u.client.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		if packed := resp.Header.Get("Content-Encoding"); packed != "" && packed != "identity" {
			resp.Body.Close()
			return nil, failed(http.StatusBadGateway, "upstream_broken", "%s packs its answer as %.20q, which nobody asked for", u.row.name, packed)
		}
		return resp, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxError)) // half of it may say enough
	return nil, u.said(resp.StatusCode, resp.Header, body)
}

// post asks the service with a JSON body.
func (u *upstream) post(r *http.Request, address string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	u.pass(req, r)
	return u.do(req)
}

// pass hands on what ties the logs of both sides together.
func (u *upstream) pass(to, from *http.Request) {
	if id := from.Header.Get("X-Request-Id"); id != "" {
		to.Header.Set("X-Request-Id", id)
	}
}
