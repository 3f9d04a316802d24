package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// loading is a load that is under way; everybody who wants the model waits for it.
type loading struct {
	cancel   context.CancelFunc
	done     chan struct{}
	settings map[string]any // of the start request
	err      error          // set before done is closed
	stopped  bool           // unload called it off; set before done is closed
	by       plan           // as far as it has come; empty at first
	passed   bool           // by settings that another change took the place of: who waits begins anew
	progress sdk.Progress
	told     time.Time // when progress was told last
}

// reload loads the model with other settings; wrong ones leave it as it runs.
// Nothing comes in between: who waits for the model gets it with these. mu is held
// before and after, and not meanwhile.
func (r *resident) reload(ctx context.Context, m *store.Model, settings map[string]any) error {
	in := r.loaded
	r.mu.Unlock()
	err := r.tryOut(ctx, m, settings)
	r.mu.Lock()
	if err != nil || r.loaded != in {
		return err
	}
	leaving := r.depart()
	r.mu.Unlock()
	r.leave(in, leaving, errReloaded, func() { r.begin(ctx, m, settings) })
	r.mu.Lock()
	return nil
}

// tryOut says what is wrong with settings, as far as that is known without a load.
func (r *resident) tryOut(ctx context.Context, m *store.Model, settings map[string]any) error {
	p, err := r.runtime.plan(ctx, m, settings)
	if err != nil {
		return err
	}
	defer p.release()
	req, err := p.request(m)
	if err != nil {
		return err
	}
	n, err := p.inspect(ctx, r, req)
	if err != nil {
		return err
	}
	for _, s := range n.scopes(r.runtime.limits.Load()) {
		if err := s.tooLarge(n); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a load, with mu held. It belongs to nobody who asked: it goes on
// when they leave, and only unload calls it off.
func (r *resident) begin(asked context.Context, m *store.Model, settings map[string]any) *loading {
	ctx, cancel := context.WithCancel(sameTrace(asked))
	l := &loading{cancel: cancel, done: make(chan struct{}), settings: settings, progress: sdk.Progress{Fraction: -1}}
	r.loading = l
	r.tell()
	go func() {
		defer cancel()
		limit := r.runtime.limits.Load().LoadTimeout
		timed, stop := context.WithCancelCause(ctx) // no deadline: a plugin that learns of it may end the call first
		defer stop(nil)
		defer time.AfterFunc(limit, func() { stop(errLoadTimeout) }).Stop()
		timed, end := span(timed, "load", r.id)
		in, err := r.runtime.load(toPlugin(timed), r, m, l)
		end(err)
		if err != nil && ctx.Err() == nil && context.Cause(timed) == errLoadTimeout {
			err = &RetryError{Err: &sdk.Error{Code: sdk.CodeUnavailable, Cause: err,
				Message: fmt.Sprintf("The model '%s' was not loaded within %v: other models were in use, or its engine is slow; try again, or raise load_timeout", r.id, limit)}, After: retryAfter}
		}
		r.arrive(ctx, l, in, err)
		if _, err := r.runtime.find(r.id); err != nil { // its folder went while it loaded
			r.runtime.gone(r.id)
		}
	}()
	return l
}

var errLoadTimeout = errors.New("load timeout")

// arrive is the end of a load.
func (r *resident) arrive(ctx context.Context, l *loading, in *loaded, err error) {
	r.mu.Lock()
	defer r.unlock() // all who wanted it may have left
	defer close(l.done)
	r.loading, r.err, l.err = nil, err, err
	switch {
	case err != nil && l.passed && !r.closed:
		r.err, l.err = nil, nil
	case err != nil && (ctx.Err() != nil || r.closed): // unload or the end called it off: no fault of the model
		l.stopped = true
		r.err, l.err = nil, sdk.Errorf(sdk.CodeUnavailable, "The model '%s' was stopped while it loaded", r.id)
	case err != nil:
		r.history.Failures++
		r.runtime.log.Warn("model not loaded", "model", r.id, "error", err)
	default:
		r.loaded, r.slots, r.quota = in, in.gate.slots, in.quota
		r.history.Loads++
		r.history.Loading += in.took
		for _, ignored := range in.plan.ignored(in.from) {
			r.runtime.log.Warn("setting not used", "model", r.id, "why", ignored)
		}
		r.runtime.log.Info("model loaded", "model", r.id, "engine", in.plan.deployment.ID, "took", in.took.Round(time.Millisecond))
		go r.watch(in)
		if in.plan.outdated() {
			r.retire(in)
			return
		}
	}
	r.tell()
}
