package core

import (
	"context"
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
}

// loaded is a model in memory.
type loaded struct {
	inst     sdk.Instance
	caller   *caller
	plan     plan
	settings map[string]any // of the start request
	since    time.Time
	leases   int
	idle     *time.Timer // runs while there are no leases; nil where the model stays for ever

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
func (r *resident) acquire(ctx context.Context, m *store.Model, settings map[string]any) (*Lease, error) {
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
			if r.loaded.idle != nil {
				r.loaded.idle.Stop()
			}
			return &Lease{resident: r, loaded: r.loaded, parameters: r.loaded.parametersOf(m)}, nil
		case r.loaded != nil:
			r.mu.Unlock()
			if err := r.reload(ctx, m, settings); err != nil {
				return nil, err
			}
			continue
		default:
			load, mine = r.begin(m, settings), true
			wait = load.done
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, callerLeft(ctx)
		case <-wait:
		}
		if load != nil && load.err != nil && (mine || load.stopped || reflect.DeepEqual(load.settings, settings)) {
			return nil, load.err // otherwise somebody else's settings were wrong
		}
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
	if err := p.inspect(ctx, req); err != nil {
		return err
	}
	return r.unload(ctx)
}

// begin starts a load, with mu held. It belongs to nobody who asked: it goes on
// when they leave, and only unload calls it off.
func (r *resident) begin(m *store.Model, settings map[string]any) *loading {
	ctx, cancel := context.WithCancel(context.Background())
	l := &loading{cancel: cancel, done: make(chan struct{}), settings: settings, progress: sdk.Progress{Fraction: -1}}
	r.loading = l
	go func() {
		defer cancel()
		began := time.Now()
		in, err := r.runtime.load(ctx, m, settings, func(p sdk.Progress) {
			r.mu.Lock()
			l.progress = p
			r.mu.Unlock()
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		defer close(l.done)
		r.loading, r.err, l.err = nil, err, err
		switch {
		case err != nil && ctx.Err() != nil: // unload called it off: no fault of the model
			l.stopped = true
			r.err, l.err = nil, sdk.Errorf(sdk.CodeUnavailable, "The model '%s' was stopped while it loaded", r.id)
			return
		case err != nil:
			r.runtime.log.Warn("model not loaded", "model", r.id, "error", err)
			return
		}
		r.loaded = in
		r.rest(in) // all who wanted it may have left
		r.runtime.log.Info("model loaded", "model", r.id, "engine", in.plan.deployment.ID, "took", time.Since(began).Round(time.Millisecond))
		go r.watch(in)
	}()
	return l
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
}

// lost says whether the instance ended by itself, and not by unload.
func (r *resident) lost(in *loaded, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != in {
		return false
	}
	r.loaded, r.err = nil, err
	r.runtime.log.Error("model ended by itself; the next request loads it again", "model", r.id, "engine", in.plan.deployment.ID, "error", err)
	return true
}

// release takes a lease back, and starts the idle clock with the last one.
func (r *resident) release(in *loaded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in.leases--
	r.rest(in)
}

// rest starts the idle clock of a model that nobody uses. Called with mu held.
func (r *resident) rest(in *loaded) {
	limit := in.plan.deployment.IdleUnload
	switch {
	case in.leases > 0 || limit == nil || r.loaded != in:
	case in.idle == nil:
		in.idle = time.AfterFunc(*limit, func() { r.expire(in) })
	default:
		in.idle.Reset(*limit)
	}
}

// expire unloads a model that was idle for long enough; one that was asked for
// at the last moment stays.
func (r *resident) expire(in *loaded) {
	r.mu.Lock()
	if r.loaded != in || in.leases > 0 {
		r.mu.Unlock()
		return
	}
	leaving := make(chan struct{})
	r.loaded, r.leaving = nil, leaving
	r.mu.Unlock()
	r.leave(in, leaving)
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
		leaving = make(chan struct{})
		r.loaded, r.leaving = nil, leaving
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
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving, r.err = nil, nil
	close(leaving)
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
		st.Transition, st.Progress = TransitionStarting, &progress
	case r.leaving != nil:
		st.Transition = TransitionStopping
	case r.loaded != nil:
		st.State = StateRunning
		st.Deployment = r.loaded.plan.deployment.ID
		st.Settings = r.loaded.plan.shown()
		st.Operations = r.loaded.inst.Endpoint().Operations
		st.Requests = r.loaded.leases
		st.Since = r.loaded.since.Unix()
		st.Changed = r.loaded.from != m
	}
}
