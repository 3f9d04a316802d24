package core

import (
	"context"
	"time"
)

// unloadTimeout bounds how long a model may take to leave.
const unloadTimeout = 20 * time.Second

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
	r.free(in)
	if in.replaced {
		close(in.gone)
	}
}

// free says that an instance has left.
func (r *resident) free(in *loaded) {
	in.plan.release()
	r.runtime.room.free(in.claim)
}

// lost says whether the instance ended by itself, and not by unload.
func (r *resident) lost(in *loaded, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.loaded == in:
		r.loaded, r.err = nil, err
		in.halt()
		in.claim.leaving.Store(true)
		r.tell()
	case in.replaced && !in.going:
		in.going = true
		r.forget(in)
	default:
		return false
	}
	r.history.Ends++
	r.runtime.log.Error("model ended by itself; the next request loads it again", "model", r.id, "engine", in.plan.deployment.ID, "error", err)
	return true
}

// unload takes the model out of memory and waits until it is, with what was
// replaced. Requests that are in flight break off.
func (r *resident) unload(ctx context.Context) error {
	for {
		if err := r.unloadNow(ctx); err != nil {
			return err
		}
		if left, err := r.unloadOld(ctx); !left || err != nil {
			return err
		}
	}
}

// unloadNow is unload without what was replaced.
func (r *resident) unloadNow(ctx context.Context) error {
	r.mu.Lock()
	load, in, leaving := r.loading, r.loaded, r.leaving
	switch {
	case load != nil:
		load.cancel()
		r.mu.Unlock()
		select {
		case <-load.done:
			return r.unloadNow(ctx) // it may just have been loaded
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

// bar has the model be handed out to nobody any more.
func (r *resident) bar() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// leave has an instance leave, and does what is to be next, with mu held, in the
// same moment. It goes on when the caller has left: half an unload helps nobody. A
// plugin that does not answer is killed: only its end frees the memory then.
func (r *resident) leave(in *loaded, leaving chan struct{}, why error, next func()) {
	r.end(in, why)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving, r.err = nil, nil
	close(leaving)
	r.tell()
	if next != nil && !r.closed {
		next()
	}
}

// end ends an instance and what is in flight there.
func (r *resident) end(in *loaded, why error) {
	ctx, cancel := context.WithTimeout(context.Background(), unloadTimeout)
	defer cancel()
	in.caller.close(why)
	if err := in.inst.Close(ctx); err != nil && !in.plan.ended(err) {
		r.runtime.log.Error("model not unloaded; its plugin is killed", "model", r.id, "engine", in.plan.deployment.ID, "error", err)
		in.plan.process.Kill()
		<-in.plan.process.Done()
	}
	r.runtime.log.Info("model unloaded", "model", r.id, "engine", in.plan.deployment.ID)
	r.free(in)
}

// depart makes what is loaded leave: the caller has to call leave. Called with mu held.
func (r *resident) depart() (leaving chan struct{}) {
	leaving = make(chan struct{})
	r.loaded.halt()
	r.loaded.claim.leaving.Store(true)
	r.loaded, r.leaving = nil, leaving
	r.tell()
	return leaving
}
