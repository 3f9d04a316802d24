package core

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	closed  bool // the runtime is: nothing is loaded any more
	waiting int  // requests that wait for a load, or have seen its end and are about to take their lease
	slots   int  // of the last load
	loading *loading
	loaded  *loaded
	leaving chan struct{} // closed when the memory is free
	err     error         // what happened last; nil after a load that went well
	history History       // but for the waits
	waits   waits
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
	resting  bool           // nobody uses it: the idle clock was started, unless the model stays
	used     time.Time      // since when it rests
	keep     *time.Duration // how long it is to stay, as the model's file says
	asked    *time.Duration // how long it is to stay, as the last request said that said so
	idle     *time.Timer    // runs while it rests; nil where it never did
	expires  time.Time      // when idle fires; zero where the model stays

	from       *store.Model   // as it was loaded
	model      *store.Model   // that parameters were made of
	parameters map[string]any // defaults of a request
}

// parametersOf are the defaults of a request, made once for what the model's file
// says now. Called with the resident's mu held.
func (in *loaded) parametersOf(m *store.Model) map[string]any {
	if in.model != m {
		in.model, in.parameters = m, parameters(in.plan.deployment, m).plain()
	}
	return in.parameters
}

// acquire returns a lease, loading the model first if need be. settings, where
// not nil, are those of a start request, and replace those that it runs with.
func (r *resident) acquire(ctx context.Context, m *store.Model, ask Ask, settings map[string]any) (*Lease, error) {
	for {
		lease, err := r.lease(ctx, m, &ask, settings)
		if err != nil || ask.Unqueued {
			return lease, err
		}
		in := lease.loaded
		queued, end := span(ctx, "queue", r.id)
		err = in.gate.enter(queued, in.caller.ctx.Done(), ask.Caller, r.queue(&ask, in.gate.slots))
		end(err)
		if err == nil {
			lease.entered = true
			return lease, nil
		}
		lease.Release()
		if err != errInstanceGone {
			return nil, err
		}
		if lease.final() {
			return nil, sdk.Errorf(sdk.CodeUnavailable, "The model '%s' was stopped", r.id)
		}
		ask.placed = true
	}
}

// queue is how many may wait before a request that is to wait too.
func (r *resident) queue(ask *Ask, slots int) int {
	if ask.placed {
		return math.MaxInt
	}
	return r.runtime.limits.Load().queue(slots)
}

// lease returns a lease that has not passed the gate.
func (r *resident) lease(ctx context.Context, m *store.Model, ask *Ask, settings map[string]any) (*Lease, error) {
	r.mu.Lock()
	defer r.unlock()
	for {
		var wait <-chan struct{}
		load, mine := r.loading, false
		switch {
		case r.closed:
			return nil, shuttingDown()
		case r.leaving != nil:
			wait = r.leaving
		case r.loading != nil:
			wait = r.loading.done
		case r.loaded != nil && (settings == nil || reflect.DeepEqual(settings, r.loaded.settings)):
			return r.take(m, ask), nil
		case r.loaded != nil:
			if err := r.reload(ctx, m, settings); err != nil {
				return nil, err
			}
			continue
		default:
			load, mine = r.begin(ctx, m, settings), true
			wait = load.done
		}
		if err := r.attend(ctx, ask, wait); err != nil {
			return nil, err
		}
		if load != nil && load.err != nil && (mine || load.stopped || reflect.DeepEqual(load.settings, settings)) {
			return nil, load.err // otherwise somebody else's settings were wrong
		}
	}
}

// take is called with mu held.
func (r *resident) take(m *store.Model, ask *Ask) *Lease {
	in := r.loaded
	in.leases++
	in.resting = false
	in.halt()
	if ask.KeepAlive != nil {
		in.asked = ask.KeepAlive
	}
	return &Lease{resident: r, loaded: in, parameters: in.parametersOf(m)}
}

// attend waits until something is over. mu is held before and after, and not meanwhile.
func (r *resident) attend(ctx context.Context, ask *Ask, over <-chan struct{}) error {
	if limit := r.queue(ask, r.slots); r.waiting >= limit {
		return queueFull(limit)
	}
	r.waiting++
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.waiting--
	}()
	select {
	case <-over:
		ask.placed = true
		return nil
	case <-ctx.Done():
		return callerLeft(ctx)
	}
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
	req, err := p.request(m)
	if err != nil {
		return err
	}
	memory, err := p.inspect(ctx, req)
	if err != nil {
		return err
	}
	return tooLarge(r.runtime.limits.Load(), r.id, memory)
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
		in, err := r.runtime.load(toPlugin(timed), r, m, settings, func(p sdk.Progress) { r.progress(l, p) })
		end(err)
		if err != nil && ctx.Err() == nil && context.Cause(timed) == errLoadTimeout {
			err = &RetryError{&sdk.Error{Code: sdk.CodeUnavailable, Cause: err,
				Message: fmt.Sprintf("The model '%s' was not loaded within %v: other models were in use, or its engine is slow; try again, or raise load_timeout", r.id, limit)}, retryAfter}
		}
		r.arrive(ctx, l, in, err)
		if _, err := r.runtime.store.Model(r.id); err != nil { // its folder went while it loaded
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
	case err != nil && ctx.Err() != nil: // unload called it off: no fault of the model
		l.stopped = true
		r.err, l.err = nil, sdk.Errorf(sdk.CodeUnavailable, "The model '%s' was stopped while it loaded", r.id)
	case err != nil:
		r.history.Failures++
		r.runtime.log.Warn("model not loaded", "model", r.id, "error", err)
	default:
		r.loaded, r.slots = in, in.gate.slots
		r.history.Loads++
		r.history.Loading += in.took
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
	r.history.Ends++
	in.halt()
	in.claim.leaving.Store(true)
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
		r.leave(in, leaving, errUnloaded, nil)
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

// shut unloads the model for good.
func (r *resident) shut(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	return r.unload(ctx)
}

// leave has an instance leave, and does what is to be next, with mu held, in the
// same moment. It goes on when the caller has left: half an unload helps nobody. A
// plugin that does not answer is killed: only its end frees the memory then.
func (r *resident) leave(in *loaded, leaving chan struct{}, why error, next func()) {
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	in.caller.close(why)
	if err := in.inst.Close(ctx); err != nil && !in.plan.ended(err) {
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
	if next != nil && !r.closed {
		next()
	}
}

// describe fills in what the resident knows of its model's status.
func (r *resident) describe(m *store.Model, st *Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.Err == nil {
		st.Err = r.err
	}
	st.History = r.history
	st.History.Waits, st.History.Waiting = int(r.waits.count.Load()), time.Duration(r.waits.took.Load())
	switch {
	case r.loading != nil:
		progress := r.loading.progress
		st.Transition, st.Progress, st.Waiting = TransitionStarting, &progress, r.waiting
	case r.leaving != nil:
		st.Transition = TransitionStopping
	case r.loaded != nil:
		st.State = StateRunning
		st.Deployment = r.loaded.plan.deployment.ID
		st.Settings = r.loaded.plan.visible().plain()
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
