package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	entered    bool   // it holds one of the engine's slots
	admitted   bool   // and one of the deployment's
	route      *Route // by which it was come by; nil for most
	once       sync.Once
}

// Release gives the lease back; the last one starts the idle clock. Further calls
// do nothing.
func (l *Lease) Release() {
	l.once.Do(func() {
		if l.admitted {
			l.loaded.quota.gate.leave()
		}
		if l.entered {
			l.loaded.gate.leave()
		}
		l.resident.release(l.loaded)
		if l.route != nil {
			l.route.released(l)
		}
	})
}

// enter passes the gates: the deployment's limit in a minute, a slot of the engine, and
// one of those that the deployment has for all its models. Its errors are those of
// [gate.enter] and [quota.allow].
func (l *Lease) enter(ctx context.Context, ask *Ask) error {
	in, r := l.loaded, l.resident
	if !ask.counted {
		if err := in.quota.allow(); err != nil {
			return err
		}
		ask.counted = true
	}
	gone := in.open.Done()
	err := in.gate.enter(ctx, gone, ask.Caller, r.queue(ask, in.quota, in.gate.slots))
	if err != nil {
		return err
	}
	l.entered = true
	limit := in.quota.deployment().Limits.Concurrency
	if limit == 0 {
		return nil
	}
	err = in.quota.gate.enter(ctx, gone, ask.Caller, r.queue(ask, in.quota, limit))
	l.admitted = err == nil
	return err
}

// Model returns the id of the model.
func (l *Lease) Model() string { return l.resident.id }

// Name is what the engine calls the model, which for an edition is not its id.
func (l *Lease) Name() string { return cmp.Or(l.loaded.from.EditionOf(), l.resident.id) }

// Routed says whether it was come by through a routed model.
func (l *Lease) Routed() bool { return l.route != nil }

// Parameters are the defaults of a request: the deployment's, under the model's.
// They must not be changed.
func (l *Lease) Parameters() map[string]any { return l.parameters }

// Operations are what the instance answers.
func (l *Lease) Operations() []sdk.Operation { return l.loaded.inst.Endpoint().Operations }

// Can says whether the instance answers an operation.
func (l *Lease) Can(op sdk.Operation) bool { return slices.Contains(l.Operations(), op) }

// Detours says whether the streams of an operation whose body has a field go to
// the endpoint's Detour; no field is all of them.
func (l *Lease) Detours(op sdk.Operation, field string) bool {
	return l.loaded.inst.Endpoint().Detours(op, field)
}

// A Request is what an instance is asked.
type Request struct {
	Operation   sdk.Operation
	Stream      bool // the body asks for a stream, and it makes no detour
	ContentType string
	ID          string // told to the engine, whose log can name it then
	Body        []byte
	trace       string // of the span that it belongs to, as traceparent has it
}

// Post sends a request and returns the instance's answer as it comes; its body
// must be closed. When ctx ends, or the model is unloaded, the connection is
// closed, and the engine stops. On a socket ctx is not waited for but looked at:
// its Err is called ten times a second.
func (l *Lease) Post(ctx context.Context, r Request) (*http.Response, error) {
	ctx, end := span(ctx, "engine", l.Model())
	r.trace = traceparent(ctx)
	resp, err := l.loaded.caller.post(ctx, r)
	if err != nil {
		end(err)
		return nil, err
	}
	if r.trace != "" {
		resp.Body = &answer{resp.Body, func() { end(nil) }}
	}
	return resp, nil
}

// Gone says whether the instance has ended, after Post failed: the client has
// seen nothing of an answer yet, and the request may be sent to another instance.
// It waits until the core has noticed, so that the next Acquire loads the model
// again.
func (l *Lease) Gone(ctx context.Context) bool {
	select {
	case <-l.loaded.caller.ctx.Done():
		return ctx.Err() == nil && !l.final()
	case <-time.After(noticeTimeout):
	case <-ctx.Done():
	}
	return false
}

// Stopped says whether the instance was unloaded, and did not end by itself.
func (l *Lease) Stopped() bool { return errors.Is(context.Cause(l.loaded.caller.ctx), errUnloaded) }

// final says whether the model was to be unloaded: requests do not load it again.
func (l *Lease) final() bool { return context.Cause(l.loaded.caller.ctx) == errUnloaded }

var (
	errUnloaded = errors.New("the model was unloaded")
	errReloaded = fmt.Errorf("%w, to be loaded with other settings", errUnloaded)
)

// noticeTimeout bounds how long the end of an instance takes to be noticed; it
// is milliseconds as a rule.
const noticeTimeout = 2 * time.Second
