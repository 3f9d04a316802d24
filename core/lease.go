package core

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// A Lease is the right to send requests to an instance; holding it keeps the
// instance from being idle. (Stop and an end of the plugin break it off.) Release
// it once.
type Lease struct {
	resident   *resident
	loaded     *loaded
	parameters map[string]any
	entered    bool // it holds one of the engine's slots
	once       sync.Once
}

// Release gives the lease back; the last one starts the idle clock. Further calls
// do nothing.
func (l *Lease) Release() {
	l.once.Do(func() {
		if l.entered {
			l.loaded.gate.leave()
		}
		l.resident.release(l.loaded)
	})
}

// Model returns the id of the model.
func (l *Lease) Model() string { return l.resident.id }

// Parameters are the defaults of a request: the deployment's, under the model's.
// They must not be changed.
func (l *Lease) Parameters() map[string]any { return l.parameters }

// Operations are what the instance answers.
func (l *Lease) Operations() []sdk.Operation { return l.loaded.inst.Endpoint().Operations }

// Can says whether the instance answers an operation.
func (l *Lease) Can(op sdk.Operation) bool { return slices.Contains(l.Operations(), op) }

// Detours says whether the streams of an operation whose body has a field go to
// the endpoint's Whole; no field is all of them.
func (l *Lease) Detours(op sdk.Operation, field string) bool {
	detours := l.loaded.caller.detours
	return len(detours) > 0 && detours[strings.TrimSuffix(string(op)+" "+field, " ")]
}

// A Request is what an instance is asked.
type Request struct {
	Operation   sdk.Operation
	Stream      bool // the body asks for a stream, and it makes no detour
	ContentType string
	ID          string // told to the engine, whose log can name it then
	Body        []byte
}

// Post sends a request and returns the instance's answer as it comes. When ctx
// ends, or the model is unloaded, the connection is closed, and the engine stops.
func (l *Lease) Post(ctx context.Context, r Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.loaded.caller.ctx, cancel)
	resp, err := l.loaded.caller.post(ctx, r)
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	resp.Body = &answer{resp.Body, func() { stop(); cancel() }}
	return resp, nil
}

// Gone says whether the instance has ended, after Post failed: the client has
// seen nothing of an answer yet, and the request may be sent to another instance.
// It waits until the core has noticed, so that the next Acquire loads the model
// again.
func (l *Lease) Gone(ctx context.Context) bool {
	select {
	case <-l.loaded.caller.ctx.Done():
		return ctx.Err() == nil && !l.Stopped()
	case <-time.After(noticeTimeout):
	case <-ctx.Done():
	}
	return false
}

// Stopped says whether the instance was unloaded, and did not end by itself.
func (l *Lease) Stopped() bool { return context.Cause(l.loaded.caller.ctx) == errUnloaded }

var errUnloaded = errors.New("the model was unloaded")

// noticeTimeout bounds how long the end of an instance takes to be noticed; it
// is milliseconds as a rule.
const noticeTimeout = 2 * time.Second

// answer is a body that lets go of its contexts when it is closed.
type answer struct {
	io.ReadCloser
	release func()
}

func (a *answer) Close() error {
	defer a.release()
	return a.ReadCloser.Close()
}

// caller sends requests to one endpoint.
type caller struct {
	ctx     context.Context // ends when the instance does: what is in flight breaks off
	cancel  context.CancelCauseFunc
	headers map[string]string
	streams *target
	whole   *target         // of requests that do not stream; the same as streams for most
	detours map[string]bool // the streams that go to whole
}

// target is one address of an endpoint.
type target struct {
	base      string
	transport *http.Transport
}

func newCaller(e sdk.Endpoint) *caller {
	c := &caller{headers: e.Headers, streams: newTarget(e.Socket, e.URL)}
	c.whole = c.streams
	if e.WholeSocket != "" {
		c.whole = newTarget(e.WholeSocket, "")
		c.detours = map[string]bool{}
		for _, which := range e.WholeFor {
			c.detours[which] = true
		}
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c
}

func newTarget(socket, url string) *target {
	t := &target{base: strings.TrimSuffix(url, "/"), transport: &http.Transport{
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     3 * time.Second, // llama-server closes idle connections after five
		DisableCompression:  true,            // bytes pass as they are
		ForceAttemptHTTP2:   url != "",
		ReadBufferSize:      32 << 10,
	}}
	if socket != "" {
		t.base = "http://localhost"
		t.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
	}
	return t
}

func (c *caller) post(ctx context.Context, r Request) (*http.Response, error) {
	if !r.Stream || c.whole == c.streams {
		return c.send(ctx, c.whole, r)
	}
	resp, err := c.send(ctx, c.streams, r)
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	resp.Body.Close()
	return c.send(ctx, c.whole, r) // which says in better words what is wrong
}

func (c *caller) send(ctx context.Context, to *target, r Request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.base+r.Operation.Path(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", r.ContentType)
	req.Header.Set("User-Agent", "enginebay")
	if r.ID != "" {
		req.Header["X-Request-Id"] = []string{r.ID}
	}
	// Not sent: it lets the transport try again when an idle connection was dead.
	req.Header["X-Idempotency-Key"] = nil
	for name, value := range c.headers {
		req.Header.Set(name, value)
	}
	return to.transport.RoundTrip(req)
}

// close breaks off what is in flight. It comes before the end of the instance:
// llama-server waits for open requests, and would only be killed in the end.
func (c *caller) close(why error) {
	c.cancel(why)
	c.streams.transport.CloseIdleConnections()
	c.whole.transport.CloseIdleConnections()
}
