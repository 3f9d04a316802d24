package core

import (
	"context"
	"slices"
)

// A change of a deployment replaces what it has loaded: the next request loads the
// model anew, by the new process, and what is in flight ends on the old one.

// replace has nothing be handed out any more that is loaded by settings of a
// deployment that are not in force.
func (r *resident) replace(q *quota) {
	r.mu.Lock()
	defer r.unlock()
	if l := r.loading; l != nil && l.by.quota == q && l.by.outdated() {
		l.passBy()
	}
	if in := r.loaded; in != nil && in.quota == q && in.plan.outdated() {
		r.retire(in)
	}
}

// planned says by what a load goes on.
func (r *resident) planned(l *loading, p plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.by = p
	if p.outdated() {
		l.passBy()
	}
}

// passBy ends a load of which nobody would take what comes.
func (l *loading) passBy() {
	l.passed = true
	l.cancel()
}

// retire replaces what is loaded. Called with mu held.
func (r *resident) retire(in *loaded) {
	in.halt()
	in.claim.leaving.Store(true)
	in.replaced, in.gone = true, make(chan struct{})
	in.shut() // who waits in its queue goes to the next one
	r.loaded, r.old = nil, append(r.old, in)
	r.runtime.log.Info("model is replaced", "model", r.id, "engine", in.plan.deployment.ID, "requests", in.leases)
	if in.leases == 0 {
		r.sendOff(in, errReloaded)
	}
	r.tell()
}

// sendOff has a replaced instance leave, once. Called with mu held.
func (r *resident) sendOff(in *loaded, why error) {
	if in.going {
		return
	}
	in.going = true
	go func() {
		r.end(in, why)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.forget(in)
		close(in.gone)
	}()
}

// forget takes a replaced instance off the list. Called with mu held.
func (r *resident) forget(in *loaded) {
	r.old = slices.DeleteFunc(r.old, func(other *loaded) bool { return other == in })
	if len(r.old) == 0 && r.loaded == nil && r.loading == nil && r.leaving == nil {
		r.tell()
	}
}

// unloadOld has all that were replaced leave, with what is in flight there, and says
// whether there were any.
func (r *resident) unloadOld(ctx context.Context) (left bool, err error) {
	r.mu.Lock()
	old := slices.Clone(r.old)
	for _, in := range old {
		r.sendOff(in, errUnloaded)
	}
	r.mu.Unlock()
	for _, in := range old {
		select {
		case <-in.gone:
		case <-ctx.Done():
			return true, callerLeft(ctx)
		}
	}
	return len(old) > 0, nil
}
