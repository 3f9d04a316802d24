package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// unloadTimeout bounds how long a model may take to leave.
const unloadTimeout = 20 * time.Second

// A resident is one model's place in memory. It owns all that changes:
//
//	idle     → loading   acquire
//	loading  → loaded    the engine's Load returned an instance
//	loading  → idle      it failed, or unload called it off
//	loaded   → leaving   unload
//	loaded   → idle      the instance ended by itself: its leases break off
//	leaving  → idle      the memory is free
type resident struct {
	runtime *Runtime
	id      string

	mu      sync.Mutex
	waiting int // requests that wait for a load
	slots   int // of the last load
	loading *loading
	loaded  *loaded
	leaving chan struct{} // closed when the memory is free
	err     error         // what happened last; nil after a load that went well
}

// loading is a load that is under way; everybody who wants the model waits for it.
type loading struct {
	cancel   context.CancelFunc
	done     chan struct{}
	settings map[string]any // of the start request
	err      error          // set before done is closed
	stopped  bool           // unload called it off; set before done is closed
	progress sdk.Progress
	told     time.Time // when progress was told last
}

// loaded is a model in memory.
type loaded struct {
	inst     sdk.Instance
	caller   *caller
	plan     plan
	settings map[string]any // of the start request
	since    time.Time
	took     time.Duration // of the load
	claim    *claim
	gate     gate
	leases   int
	used     time.Time      // when the last lease was given back
	keep     *time.Duration // how long it is to stay, as the model's file says
	asked    *time.Duration // how long it is to stay, as the last request said that said so
	idle     *time.Timer    // runs while there are no leases; nil where it never did
	expires  time.Time      // when idle fires; zero where the model stays

	from       *store.Model   // as it was loaded
	model      *store.Model   // that parameters were made of
	parameters map[string]any // defaults of a request
}

// parametersOf are the defaults of a request: the deployment's, under those that
// the model's file has now. Whether an answer streams, a client's library must
// know before it asks: no file decides upon that. Called with the resident's mu held.
func (in *loaded) parametersOf(m *store.Model) map[string]any {
	if in.model != m {
		in.model, in.parameters = m, map[string]any{}
		maps.Copy(in.parameters, in.plan.deployment.Parameters)
		maps.Copy(in.parameters, m.Manifest.Parameters)
		delete(in.parameters, "stream")
		delete(in.parameters, "stream_options")
	}
	return in.parameters
}

// acquire returns a lease, loading the model first if need be. settings, where
// not nil, are those of a start request, and replace those that it runs with.
func (r *resident) acquire(ctx context.Context, m *store.Model, ask Ask, settings map[string]any) (*Lease, error) {
	for {
		lease, err := r.lease(ctx, m, ask, settings)
		if err != nil || ask.Unqueued {
			return lease, err
		}
		in := lease.loaded
		queued, end := span(ctx, "queue", r.id)
		err = in.gate.enter(queued, in.caller.ctx.Done(), ask.Caller, r.runtime.limits.Load().queue(in.gate.slots))
		end(err)
		if err == nil {
			lease.entered = true
			return lease, nil
		}
		lease.Release()
		if err != errInstanceGone || lease.Stopped() {
			return nil, r.turnedAway(err)
		}
	}
}

func (r *resident) turnedAway(err error) error {
	if err == errInstanceGone {
		return sdk.Errorf(sdk.CodeUnavailable, "The model '%s' was stopped", r.id)
	}
	return err
}

// lease returns a lease that has not passed the gate.
func (r *resident) lease(ctx context.Context, m *store.Model, ask Ask, settings map[string]any) (*Lease, error) {
	for {
		r.mu.Lock()
		var wait <-chan struct{}
		load, mine := r.loading, false
		switch {
		case r.leaving != nil:
			wait = r.leaving
		case r.loading != nil:
			wait = r.loading.done
		case r.loaded != nil && (settings == nil || reflect.DeepEqual(settings, r.loaded.settings)):
			defer r.mu.Unlock()
			r.loaded.leases++
			r.loaded.wake()
			if ask.KeepAlive != nil {
				r.loaded.asked = ask.KeepAlive
			}
			return &Lease{resident: r, loaded: r.loaded, parameters: r.loaded.parametersOf(m)}, nil
		case r.loaded != nil:
			r.mu.Unlock()
			if err := r.reload(ctx, m, settings); err != nil {
				return nil, err
			}
			continue
		default:
			load, mine = r.begin(ctx, m, settings), true
			wait = load.done
		}
		if limit := r.runtime.limits.Load().queue(r.slots); r.waiting >= limit {
			r.mu.Unlock()
			return nil, queueFull(limit)
		}
		r.waiting++
		r.mu.Unlock()
		err := attend(ctx, wait)
		r.mu.Lock()
		r.waiting--
		r.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if load != nil && load.err != nil && (mine || load.stopped || reflect.DeepEqual(load.settings, settings)) {
			return nil, load.err // otherwise somebody else's settings were wrong
		}
	}
}

// attend waits until something is over.
func attend(ctx context.Context, over <-chan struct{}) error {
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return callerLeft(ctx)
	}
}

// reload makes room for a load with other settings; wrong ones leave the model
// as it runs.
func (r *resident) reload(ctx context.Context, m *store.Model, settings map[string]any) error {
	p, err := r.runtime.plan(ctx, m, settings)
	if err != nil {
		return err
	}
	req, err := p.request(m)
	if err != nil {
		return err
	}
	if _, err := p.inspect(ctx, req); err != nil {
		return err
	}
	return r.unload(ctx)
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
		timed, stop := context.WithTimeoutCause(ctx, limit, errLoadTimeout)
		defer stop()
		timed, end := span(timed, "load", r.id)
		in, err := r.runtime.load(toPlugin(timed), r, m, settings, func(p sdk.Progress) { r.progress(l, p) })
		end(err)
		if err != nil && ctx.Err() == nil && context.Cause(timed) == errLoadTimeout {
			err = &RetryError{&sdk.Error{Code: sdk.CodeUnavailable, Cause: err,
				Message: fmt.Sprintf("The model '%s' was not loaded within %v: other models were in use, or its engine is slow; try again, or raise load_timeout", r.id, limit)}, retryAfter}
		}
		r.arrive(ctx, l, in, err)
	}()
	return l
}

var errLoadTimeout = errors.New("load timeout")

// arrive is the end of a load.
func (r *resident) arrive(ctx context.Context, l *loading, in *loaded, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(l.done)
	r.loading, r.err, l.err = nil, err, err
	switch {
	case err != nil && ctx.Err() != nil: // unload called it off: no fault of the model
		l.stopped = true
		r.err, l.err = nil, sdk.Errorf(sdk.CodeUnavailable, "The model '%s' was stopped while it loaded", r.id)
	case err != nil:
		r.runtime.log.Warn("model not loaded", "model", r.id, "error", err)
	default:
		r.loaded, r.slots = in, in.gate.slots
		in.used = time.Now()
		r.rest(in) // all who wanted it may have left
		r.runtime.log.Info("model loaded", "model", r.id, "engine", in.plan.deployment.ID, "took", in.took.Round(time.Millisecond))
		go r.watch(in)
	}
	r.tell()
}

// watch notices the end of an instance, also when nobody uses it.
func (r *resident) watch(in *loaded) {
	err := in.inst.Wait()
	if !r.lost(in, err) {
		return
	}
	in.caller.close(nil) // after lost: who saw the end must not find the instance again
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	_ = in.inst.Close(ctx) // the plugin, if it lives, forgets it
	r.runtime.room.free(in.claim)
}

// lost says whether the instance ended by itself, and not by unload.
func (r *resident) lost(in *loaded, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != in {
		return false
	}
	r.loaded, r.err = nil, err
	in.wake()
	r.tell()
	r.runtime.log.Error("model ended by itself; the next request loads it again", "model", r.id, "engine", in.plan.deployment.ID, "error", err)
	return true
}

// unload takes the model out of memory and waits until it is. Requests that are
// in flight break off.
func (r *resident) unload(ctx context.Context) error {
	r.mu.Lock()
	load, in, leaving := r.loading, r.loaded, r.leaving
	switch {
	case load != nil:
		load.cancel()
		r.mu.Unlock()
		select {
		case <-load.done:
			return r.unload(ctx) // it may just have been loaded
		case <-ctx.Done():
			return callerLeft(ctx)
		}
	case in != nil:
		leaving = r.depart()
		r.mu.Unlock()
		r.leave(in, leaving)
		return nil
	case leaving != nil:
		r.mu.Unlock()
		select {
		case <-leaving:
			return nil
		case <-ctx.Done():
			return callerLeft(ctx)
		}
	}
	r.err = nil
	r.mu.Unlock()
	return nil
}

func callerLeft(ctx context.Context) error {
	return &sdk.Error{Code: sdk.CodeCanceled, Message: "the caller left", Cause: ctx.Err()}
}

// leave goes on when the caller has left: half an unload helps nobody. A plugin
// that does not answer is killed: only its end frees the memory then.
func (r *resident) leave(in *loaded, leaving chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	in.caller.close(errUnloaded)
	if err := in.inst.Close(ctx); err != nil {
		r.runtime.log.Error("model not unloaded; its plugin is killed", "model", r.id, "engine", in.plan.deployment.ID, "error", err)
		in.plan.process.Kill()
		<-in.plan.process.Done()
	}
	r.runtime.room.free(in.claim)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving, r.err = nil, nil
	close(leaving)
	r.tell()
	r.runtime.log.Info("model unloaded", "model", r.id, "engine", in.plan.deployment.ID)
}

// describe fills in what the resident knows of its model's status.
func (r *resident) describe(m *store.Model, st *Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.Err == nil {
		st.Err = r.err
	}
	switch {
	case r.loading != nil:
		progress := r.loading.progress
		st.Transition, st.Progress, st.Waiting = TransitionStarting, &progress, r.waiting
	case r.leaving != nil:
		st.Transition = TransitionStopping
	case r.loaded != nil:
		st.State = StateRunning
		st.Deployment = r.loaded.plan.deployment.ID
		st.Settings = r.loaded.plan.shown()
		st.Operations = r.loaded.inst.Endpoint().Operations
		st.Requests, st.Waiting = r.loaded.gate.counts()
		st.Slots = r.loaded.gate.slots
		st.Since = r.loaded.since.Unix()
		st.Memory = r.loaded.claim.memory
		st.Pinned = r.pinned(r.loaded, r.runtime.limits.Load())
		if !r.loaded.expires.IsZero() {
			st.Expires = r.loaded.expires.Unix()
		}
		st.Changed = r.loaded.from != m
	}
}
