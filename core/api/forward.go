package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

const (
	maxAnswer      = 512 << 20 // a batch of embeddings is the largest
	maxErrorAnswer = 64 << 10
)

// forward answers an operation by the instance of the model that the body names.
func (s *Server) forward(op operation) fiber.Handler {
	return func(c *fiber.Ctx) error {
		seen := observed(c)
		req, err := op.read(c.Request())
		if err != nil {
			return err
		}
		if req.stream {
			if err := streamable(c); err != nil {
				return err
			}
		}
		ex, err := s.remember(c, op, &req)
		if err != nil {
			return err
		}
		ctx, done := clientContext(c.Context().Conn())
		ctx = seen.within(ctx)
		streams := false
		defer func() { // also when something panics
			if !streams {
				done()
			}
		}()
		send := s.answer
		if ex != nil {
			send = ex.send
		}
		lease, resp, err := send(ctx, seen, op, req)
		if err != nil {
			return err
		}
		upstreamID(c, resp)
		ex.tell(c)
		if lease.Routed() {
			c.Set(targetHeader, lease.Model())
		}
		if isStream(resp) {
			streams = true // fasthttp reads it after this function has returned, and closes it
			leave := stay(c)
			c.Set(fiber.HeaderContentType, "text/event-stream")
			c.Set(fiber.HeaderCacheControl, "no-cache")
			c.Response().ImmediateHeaderFlush = waits(resp.Body) // else it goes with the first token
			seen.goesOn()
			c.Response().SetBodyStream(&stream{ctx: ctx, conn: c.Context().Conn(), lease: lease, op: op, body: ex.stream(ctx, lease, resp.Body), log: s.log, seen: seen,
				done: func() { done(); leave() }}, -1)
			return nil
		}
		defer lease.Release()
		return s.whole(ctx, c, lease, resp, ex)
	}
}

// answer asks the model that a request names, for whoever made the request, and notes
// who answers. With an error there is no lease to release.
func (s *Server) answer(ctx context.Context, seen *observation, op operation, req request) (*core.Lease, *http.Response, error) {
	seen.asked = req.model
	lease, resp, err := s.send(ctx, seen, op, req)
	if err != nil {
		return nil, nil, named(err)
	}
	seen.model, seen.lease = lease.Model(), lease
	return lease, resp, nil
}

// send sends a request to the model that it names, or to the targets of a routed
// one. With an error there is no lease to release.
func (s *Server) send(ctx context.Context, seen *observation, op operation, req request) (*core.Lease, *http.Response, error) {
	route, err := s.runtime.Route(req.model)
	switch {
	case err != nil:
		return nil, nil, err
	case route != nil:
		return s.through(ctx, seen, op, req, route)
	}
	return s.ask(ctx, seen, op, req, nil)
}

// ask finds an instance and sends the request there. An instance that ended a
// moment ago, or while it was asked and before it answered, is no reason to fail:
// the model is loaded again, once. Of a routed model the next target is asked instead.
func (s *Server) ask(ctx context.Context, seen *observation, op operation, req request, route *core.Route) (*core.Lease, *http.Response, error) {
	for again := route == nil; ; again = false {
		lease, err := s.acquire(ctx, req.model, route, core.Ask{Caller: seen.caller, KeepAlive: req.keepAlive, Unqueued: op.light})
		if err != nil {
			return nil, nil, err
		}
		if !lease.Can(op.Operation) {
			lease.Release()
			return nil, nil, cannot(lease, op.Operation)
		}
		if route != nil {
			req = req.to(lease.Name())
		}
		resp, err := lease.Post(ctx, core.Request{Operation: op.Operation, Stream: req.stream && !detours(lease, op, req), ContentType: req.contentType, ID: seen.id,
			Body: req.with(op.defaults(lease.Parameters()))})
		if err == nil {
			return lease, resp, nil
		}
		retry := again && lease.Gone(ctx)
		lease.Release()
		if !retry {
			err = broken(ctx, lease, err)
			lease.Spend(translate(err).status, 0, 0)
			return nil, nil, err
		}
	}
}

func (s *Server) acquire(ctx context.Context, model string, route *core.Route, ask core.Ask) (*core.Lease, error) {
	if route != nil {
		return route.Acquire(ctx, ask)
	}
	return s.runtime.Acquire(ctx, model, ask)
}

// isStream says whether an answer is a stream.
func isStream(resp *http.Response) bool {
	return resp.StatusCode == http.StatusOK && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
}

// detours says whether a stream does not come straight from the engine's server.
func detours(lease *core.Lease, op operation, req request) bool {
	return lease.Detours(op.Operation, "") ||
		slices.ContainsFunc(req.fields, func(f field) bool { return f.value != "null" && lease.Detours(op.Operation, f.name) })
}

// whole passes on an answer that is no stream. It is read first: when the engine
// dies on the way, the client gets an error and not half an answer.
func (s *Server) whole(ctx context.Context, c *fiber.Ctx, lease *core.Lease, resp *http.Response, ex *exchange) error {
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return engineFault(lease, resp)
	}
	body, err := readWhole(resp)
	if err != nil {
		return broken(ctx, lease, err)
	}
	if len(body) > maxAnswer {
		return fault(http.StatusBadGateway, "The engine's answer is too large", "", "engine_error")
	}
	c.Set(fiber.HeaderContentType, contentType(resp.Header.Get("Content-Type")))
	observed(c).tokens.Whole(body)
	body = ex.whole(lease, resp.StatusCode, body)
	c.Status(resp.StatusCode).Response().SetBodyRaw(body)
	return nil
}

// waits says whether a stream's first byte is still to come.
func waits(body io.Reader) bool {
	b, ok := body.(interface{ Waits() bool })
	return !ok || b.Waits()
}

// readWhole reads an answer, and a byte more where it is too large. Where its
// length is known, the memory is taken at once.
func readWhole(resp *http.Response) ([]byte, error) {
	if b, ok := resp.Body.(*begun); ok {
		if r, ok := b.ReadCloser.(*read); ok { // it may be large: once is enough
			return r.whole, nil
		}
	}
	size := min(max(resp.ContentLength, 0), maxAnswer)
	body := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead)) // room to see the end
	_, err := body.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	return body.Bytes(), err
}

// contentType is that of an engine's answer, where it is one that no browser
// shows as a page.
func contentType(of string) string {
	kind, _, _ := strings.Cut(of, ";")
	switch {
	case kind == fiber.MIMETextPlain, strings.HasPrefix(kind, "audio/"):
		return of
	}
	return fiber.MIMEApplicationJSON
}

// named says which field was wrong, as OpenAI's clients expect of a model that
// does not exist.
func named(err error) error {
	if sdk.CodeOf(err) == sdk.CodeNotFound {
		answer := translate(err)
		answer.Param = orNil("model")
		return answer
	}
	return err
}

func cannot(lease *core.Lease, op sdk.Operation) error {
	return fault(http.StatusBadRequest, fmt.Sprintf("The model '%s' does not answer /v1/%s; it answers /v1/%s", lease.Model(), op, strings.Join(routed(lease.Operations()), ", /v1/")),
		"model", unsupportedOperation)
}

const unsupportedOperation = "unsupported_operation"

// broken is the error of an engine that went away, or of a client that did.
func broken(ctx context.Context, lease *core.Lease, err error) error {
	if ctx.Err() != nil {
		return &sdk.Error{Code: sdk.CodeCanceled, Message: "the client left", Cause: err}
	}
	if lease.Stopped() {
		return sdk.Errorf(sdk.CodeUnavailable, "The model '%s' was stopped", lease.Model())
	}
	return &apiError{status: http.StatusBadGateway, Type: "server_error", Code: orNil("engine_error"),
		Message: fmt.Sprintf("The engine of the model '%s' broke off; the next request loads it again", lease.Model())}
}
