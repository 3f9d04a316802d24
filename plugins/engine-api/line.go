package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/enginebay/enginebay/sdk/openai"
	"github.com/enginebay/enginebay/sdk/web"
)

// line sends requests to one service: it is the only way out. It looks where each
// goes, says who asks, tries again what may go better, and watches the time.
type line struct {
	upstream *upstream
	headers  http.Header
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if web.Origin(r.URL) != web.Origin(l.upstream.base) {
		closeBody(r)
		return nil, &openai.Error{Status: http.StatusBadGateway, Message: "The service names another address than its own, which is not called", Code: "upstream_redirect"}
	}
	header := r.Header.Clone()
	for _, name := range credentials {
		header.Del(name)
	}
	for name, values := range l.headers {
		header[name] = values
	}
	if l.upstream.entra() {
		token, err := l.upstream.account.entra.Bearer(r.Context())
		if err != nil {
			closeBody(r)
			return nil, err
		}
		header.Set("Authorization", "Bearer "+token)
	}
	return l.try(r, header)
}

// try sends a request until it is answered for good.
func (l *line) try(r *http.Request, header http.Header) (*http.Response, error) {
	pause := newPause(l.upstream.MaxRetries)
	for {
		resp, err := l.once(r, header)
		wait, again := pause.next(r, resp, err)
		if !again {
			return resp, err
		}
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 16<<10) // the connection can be used again
			resp.Body.Close()
		}
		l.upstream.log.Debug("trying again", "in", wait.Round(time.Millisecond), "status", status(resp))
		if !sleep(r.Context(), wait) {
			closeBody(r)
			return nil, r.Context().Err()
		}
	}
}

// once sends a request and waits for the first byte of its answer.
func (l *line) once(r *http.Request, header http.Header) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	watch := time.AfterFunc(time.Duration(l.upstream.FirstByteTimeout), func() { cancel(errFirstByte) })
	sent := r.Clone(ctx)
	sent.Header = header
	if r.GetBody != nil {
		header["X-Idempotency-Key"] = nil // not sent: it lets the transport try again when an idle connection was dead
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		sent.Body = body
	}
	resp, err := l.next.RoundTrip(sent)
	if err != nil {
		watch.Stop()
		err = cause(ctx, err)
		cancel(nil)
		return nil, err
	}
	resp.Request = r
	resp.Body = &watched{ReadCloser: resp.Body, context: ctx, cancel: cancel, watch: watch, idle: time.Duration(l.upstream.IdleTimeout)}
	return resp, nil
}

// The time-outs of an answer.
var (
	errFirstByte = errors.New("no first byte in time")
	errIdle      = errors.New("no further byte in time")
)

// cause is the time-out behind an error, where one ended the request.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); errors.Is(why, errFirstByte) || errors.Is(why, errIdle) {
		return why
	}
	return err
}

// watched is the body of an answer; its reads may take only so long.
type watched struct {
	io.ReadCloser
	context context.Context
	cancel  context.CancelCauseFunc
	watch   *time.Timer
	idle    time.Duration
	begun   bool
}

// Read implements io.Reader.
func (b *watched) Read(p []byte) (int, error) {
	if b.begun {
		b.watch.Reset(b.idle)
	}
	n, err := b.ReadCloser.Read(p)
	if n > 0 && !b.begun {
		b.watch.Stop()
		b.begun = true
		b.watch = time.AfterFunc(b.idle, func() { b.cancel(errIdle) })
	}
	if b.begun || err != nil {
		b.watch.Stop()
	}
	if err != nil && err != io.EOF {
		err = cause(b.context, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *watched) Close() error {
	b.watch.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

func status(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

// sleep says whether the time went by before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
