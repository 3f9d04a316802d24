package core

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/maphash"
	"math"
	"reflect"
	"sync"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// A resident is one model's place in memory. It owns all that changes:
//
//	idle     → loading   acquire
//	loading  → loaded    the engine's Load returned an instance
//	loading  → idle      it failed, or unload called it off
//	loaded   → leaving   unload
//	loaded   → idle      the instance ended by itself: its leases break off
//	leaving  → idle      the memory is free
//	loaded   → idle      its deployment changed: the instance is replaced. It takes no
//	                     new lease, and leaves when its last one is given back; what is
//	                     loaded next may run beside it
type resident struct {
	runtime *Runtime
	id      string

	mu      sync.Mutex
	closed  bool   // the runtime is: nothing is loaded any more
	waiting int    // requests that wait for a load, or have seen its end and are about to take their lease
	slots   int    // of the last load
	quota   *quota // that of the last load's deployment; nil before
	loading *loading
	loaded  *loaded
	leaving chan struct{} // closed when the memory is free
	old     []*loaded     // that were replaced, and are not gone yet
	err     error         // what happened last; nil after a load that went well
	history History       // but for the waits
	waits   waits
}

// loaded is a model in memory.
type loaded struct {
	inst      sdk.Instance
	caller    *caller
	open      context.Context    // ends when no request is let in any more
	shut      context.CancelFunc // ends open
	replaced  bool
	going     bool          // replaced, and on its way out
	gone      chan struct{} // closed when the memory of a replaced one is free
	plan      plan
	settings  map[string]any // of the start request
	since     time.Time
	took      time.Duration // of the load
	claim     *claim
	context   int // tokens of a request with its answer; 0 where unknown
	gate      gate
	quota     *quota // of the deployment
	leases    int
	dismissed bool           // it leaves when nobody uses it
	resting   bool           // nobody uses it: the idle clock was started, unless the model stays
	used      time.Time      // since when it rests
	keep      *time.Duration // how long it is to stay, as the model's file says
	asked     *time.Duration // how long it is to stay, as the last request said that said so
	idle      *time.Timer    // runs while it rests; nil where it never did
	expires   time.Time      // when idle fires; zero where the model stays

	from       *store.Model   // as it was loaded
	model      *store.Model   // that parameters were made of,
	deployment *Deployment    // and this
	parameters map[string]any // defaults of a request
}

// parametersOf are the defaults of a request, made once for what the files of the
// model and of its deployment say now. Called with the resident's mu held.
func (in *loaded) parametersOf(m *store.Model) map[string]any {
	if d := in.quota.deployment(); in.model != m || in.deployment != d {
		in.model, in.deployment, in.parameters = m, d, parameters(*d, m).plain()
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
		queued, end := span(ctx, "queue", r.id)
		err = lease.enter(queued, &ask)
		end(err)
		if err == nil {
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
func (r *resident) queue(ask *Ask, q *quota, slots int) int {
	if ask.placed {
		return math.MaxInt
	}
	if q != nil && q.deployment().Limits.Queue > 0 {
		return q.deployment().Limits.Queue
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
	if limit := r.queue(ask, r.quota, r.slots); r.waiting >= limit {
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

func callerLeft(ctx context.Context) error {
	return &sdk.Error{Code: sdk.CodeCanceled, Message: "the caller left", Cause: ctx.Err()}
}

// describe fills in what the resident knows of its model's status.
func (r *resident) describe(m *store.Model, st *Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.Err == nil {
		st.Err = r.err
	}
	for _, in := range r.old {
		st.Ending += in.leases
	}
	st.History = r.history
	st.History.Waits, st.History.Waiting = int(r.waits.count.Load()), time.Duration(r.waits.took.Load())
	switch {
	case r.loading != nil:
		progress := r.loading.progress
		st.Transition, st.Progress, st.Waiting = TransitionStarting, &progress, r.waiting
	case r.leaving != nil:
		st.Transition = TransitionStopping
	case r.loaded == nil && len(r.old) > 0:
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
		st.Changed = changed(r.loaded.from, m)
		st.Ignored = r.loaded.plan.ignored(r.loaded.from)
	}
}

// changed says whether a model is not as it was loaded. One that a service offers is
// made anew with each of its lists.
func changed(loaded, now *store.Model) bool {
	if loaded.Dir == "" && now.Dir == "" {
		return loaded != now && !sameSettings(loaded.Manifest.Settings, now.Manifest.Settings)
	}
	return loaded != now
}

// sameSettings compares as JSON: a list that was kept on disk may have other types of
// numbers than one that a plugin has just sent.
func sameSettings(a, b map[string]any) bool {
	one, _ := json.Marshal(a) // of what came from JSON: it cannot fail
	other, _ := json.Marshal(b)
	return bytes.Equal(one, other)
}

// stamp is made of what describe shows and no event tells of.
func (r *resident) stamp(seed maphash.Seed) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := struct {
		id            string
		busy, waiting int
		ending        int
		progress      float64
		expires       int64
		pinned        bool
	}{id: r.id, waiting: r.waiting}
	for _, in := range r.old {
		now.ending += in.leases
	}
	switch {
	case r.loading != nil:
		now.progress = r.loading.progress.Fraction
	case r.loaded != nil:
		now.busy, now.waiting = r.loaded.gate.counts()
		now.expires = r.loaded.expires.Unix()
		now.pinned = r.pinned(r.loaded, r.runtime.limits.Load())
	}
	return maphash.Comparable(seed, now)
}
