package core

import "time"

// release takes a lease back, and starts the idle clock with the last one.
func (r *resident) release(in *loaded) {
	r.mu.Lock()
	in.leases--
	idle := in.leases == 0
	if idle {
		in.used = time.Now()
		r.rest(in)
	}
	r.mu.Unlock()
	if idle {
		r.runtime.room.vacated()
	}
}

// rest starts the idle clock of a model that nobody uses. Called with mu held.
func (r *resident) rest(in *loaded) {
	limit := r.keepAlive(in)
	switch {
	case in.leases > 0 || r.loaded != in:
		return
	case limit < 0:
		in.wake()
		return
	}
	in.expires = time.Now().Add(limit) // before the clock starts: expire compares
	if in.idle == nil {
		in.idle = time.AfterFunc(limit, func() { r.expire(in) })
	} else {
		in.idle.Reset(limit)
	}
}

// wake stops the idle clock. Called with mu held.
func (in *loaded) wake() {
	if in.idle != nil {
		in.idle.Stop()
		in.expires = time.Time{}
	}
}

// keepAlive is how long the model stays when nobody uses it: as the request said,
// else the model's file, its deployment, the server. Below 0 is for ever.
func (r *resident) keepAlive(in *loaded) time.Duration {
	limits := r.runtime.limits.Load()
	if in.asked == nil && r.pinned(in, limits) {
		return Forever
	}
	for _, said := range []*time.Duration{in.asked, in.keep, in.plan.deployment.IdleUnload, limits.KeepAlive} {
		if said != nil {
			return *said
		}
	}
	return Forever
}

func (r *resident) pinned(in *loaded, limits *Limits) bool {
	return in.from.Manifest.Pinned || limits.pins(r.id)
}

// reconsider starts the idle clock anew: the limits changed.
func (r *resident) reconsider() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != nil {
		r.rest(r.loaded)
	}
}

// idleSince says since when nobody uses the instance; ok is false while somebody does.
func (r *resident) idleSince(in *loaded) (since time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return in.used, r.loaded == in && in.leases == 0
}

// expire unloads a model that was idle for long enough; one that was asked for
// at the last moment stays.
func (r *resident) expire(in *loaded) {
	r.mu.Lock()
	early := !in.expires.IsZero() && time.Now().Before(in.expires) // the clock was set anew
	r.mu.Unlock()
	if !early && r.evict(in) {
		r.runtime.log.Info("model was idle", "model", r.id)
	}
}

// evict has an instance leave that nobody uses; it returns before it has left.
func (r *resident) evict(in *loaded) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != in || in.leases > 0 {
		return false
	}
	go r.leave(in, r.depart())
	return true
}

// depart makes what is loaded leave: the caller has to call leave. Called with mu held.
func (r *resident) depart() (leaving chan struct{}) {
	leaving = make(chan struct{})
	r.loaded.wake()
	r.loaded, r.leaving = nil, leaving
	r.tell()
	return leaving
}
