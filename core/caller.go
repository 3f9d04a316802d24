package core

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/wire"
	"github.com/enginebay/enginebay/sdk"
)

// caller sends requests to one endpoint.
type caller struct {
	ctx     context.Context // ends when the instance does: what is in flight breaks off
	cancel  context.CancelCauseFunc
	streams target
	whole   target // of requests that do not stream; the same as streams for most
}

// target is one address of an endpoint.
type target interface {
	post(context.Context, Request) (*http.Response, error)
	// close breaks off what is in flight.
	close()
}

func newCaller(e sdk.Endpoint) *caller {
	c := &caller{}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	if e.Socket != "" {
		c.streams = newSocket(e.Socket, e.Headers)
	} else {
		c.streams = newRemote(c.ctx, e.URL, e.Headers)
	}
	c.whole = c.streams
	if e.DetourSocket != "" {
		c.whole = newSocket(e.DetourSocket, e.Headers)
	}
	return c
}

func (c *caller) post(ctx context.Context, r Request) (*http.Response, error) {
	if !r.Stream || c.whole == c.streams {
		return c.whole.post(ctx, r)
	}
	resp, err := c.streams.post(ctx, r)
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	resp.Body.Close()
	return c.whole.post(ctx, r) // which says in better words what is wrong
}

// close breaks off what is in flight. It comes before the end of the instance:
// llama-server waits for open requests, and would only be killed in the end.
func (c *caller) close(why error) {
	c.cancel(why)
	c.streams.close()
	c.whole.close()
}

// socket is a unix socket.
type socket struct {
	pool    *wire.Pool
	headers map[string]string
}

func newSocket(path string, headers map[string]string) *socket {
	return &socket{wire.New(wire.Unix(path)), headers}
}

func (l *socket) post(ctx context.Context, r Request) (*http.Response, error) {
	return l.pool.Do(ctx, wire.Request{Path: r.Operation.Path(), ContentType: r.ContentType, ID: r.ID, Trace: r.trace, Headers: l.headers, Body: r.Body})
}

func (l *socket) close() { l.pool.Close() }

// remote is an address, which may be far away and want TLS.
type remote struct {
	ctx       context.Context // ends when the instance does
	base      string
	headers   map[string]string
	transport *http.Transport
}

func newRemote(ctx context.Context, url string, headers map[string]string) *remote {
	return &remote{ctx, strings.TrimSuffix(url, "/"), headers, &http.Transport{
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     3 * time.Second,
		DisableCompression:  true, // bytes pass as they are
		ForceAttemptHTTP2:   true,
		ReadBufferSize:      32 << 10,
	}}
}

func (t *remote) post(ctx context.Context, r Request) (*http.Response, error) {
	r.Body = bytes.Clone(r.Body) // an answer may come, and r's owner go on, before all of it was sent
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(t.ctx, cancel)
	release := func() { stop(); cancel() }
	resp, err := t.send(ctx, r)
	if err != nil {
		release()
		return nil, err
	}
	resp.Body = &answer{resp.Body, release}
	return resp, nil
}

func (t *remote) send(ctx context.Context, r Request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+r.Operation.Path(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", r.ContentType)
	req.Header.Set("User-Agent", "enginebay")
	if r.ID != "" {
		req.Header["X-Request-Id"] = []string{r.ID}
	}
	if r.trace != "" {
		req.Header["Traceparent"] = []string{r.trace}
	}
	// Not sent: it lets the transport try again when an idle connection was dead.
	req.Header["X-Idempotency-Key"] = nil
	for name, value := range t.headers {
		req.Header.Set(name, value)
	}
	return t.transport.RoundTrip(req)
}

func (t *remote) close() { t.transport.CloseIdleConnections() }

// answer is a body that lets go of its contexts when it is closed.
type answer struct {
	io.ReadCloser
	release func()
}

func (a *answer) Close() error {
	defer a.release()
	return a.ReadCloser.Close()
}
