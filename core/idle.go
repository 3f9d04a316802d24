package core

import "time"

// unlock gives mu back. A model that nobody uses from now on starts its idle
// clock, and loads that wait for its room hear of it.
func (r *resident) unlock() {
	in := r.loaded
	idle := in != nil && !in.resting && !r.busy(in)
	if idle {
		in.resting, in.used = true, time.Now()
		r.rest(in)
	}
	r.mu.Unlock()
	if idle {
		r.runtime.room.vacated()
	}
}

// busy says whether somebody uses what is loaded, or is about to. Called with mu held.
func (r *resident) busy(in *loaded) bool { return in.leases > 0 || r.waiting > 0 }

// release takes a lease back.
func (r *resident) release(in *loaded) {
	r.mu.Lock()
	in.leases--
	if in.replaced && in.leases == 0 {
		r.sendOff(in, errReloaded)
	}
	r.unlock()
}

// rest sets the idle clock of a model that rests. Called with mu held.
func (r *resident) rest(in *loaded) {
	limit := r.keepAlive(in)
	if limit < 0 {
		in.halt()
		return
	}
	in.expires = in.used.Add(limit) // before the clock starts: expire compares
	if in.idle == nil {
		in.idle = time.AfterFunc(time.Until(in.expires), func() { r.expire(in) })
	} else {
		in.idle.Reset(time.Until(in.expires))
	}
}

// halt stops the idle clock. Called with mu held.
func (in *loaded) halt() {
	if in.idle != nil {
		in.idle.Stop()
		in.expires = time.Time{}
	}
}

// keepAlive is how long the model stays when nobody uses it: for ever where it is
// pinned, else as the request said, the model's file, its deployment, the server.
// Below 0 is for ever.
func (r *resident) keepAlive(in *loaded) time.Duration {
	limits := r.runtime.limits.Load()
	switch {
	case in.dismissed:
		return 0
	case r.pinned(in, limits):
		return Forever
	}
	for _, said := range []*time.Duration{in.asked, in.keep, in.quota.deployment().Limits.KeepAlive, limits.KeepAlive} {
		if said != nil {
			return *said
		}
	}
	return Forever
}

func (r *resident) pinned(in *loaded, limits *Limits) bool {
	return in.from.Manifest.Pinned || limits.pins(r.id)
}

// reconsider sets the idle clock anew: the limits changed.
func (r *resident) reconsider() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != nil && r.loaded.resting {
		r.rest(r.loaded)
	}
}

// idleSince says since when nobody uses the instance; ok is false while somebody does.
func (r *resident) idleSince(in *loaded) (since time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return in.used, r.loaded == in && !r.busy(in)
}

// expire unloads a model that was idle for long enough. The clock may have been
// stopped, or set anew, a moment before it could say so.
func (r *resident) expire(in *loaded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != in || in.expires.IsZero() || time.Now().Before(in.expires) {
		return
	}
	r.runtime.log.Info("model was idle", "model", r.id)
	r.history.Evictions++
	go r.leave(in, r.depart(), errUnloaded, nil)
}

// evict has an instance leave that nobody uses; it returns before it has left.
func (r *resident) evict(in *loaded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != in || r.busy(in) {
		return
	}
	r.history.Evictions++
	go r.leave(in, r.depart(), errUnloaded, nil)
}
