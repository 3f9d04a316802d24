package core

import (
	"context"
	"time"
)

// Counts are what a runtime holds at one moment.
type Counts struct {
	Leases, Busy, Waiting    int // of what is loaded, at its gate, at the gate or for a load
	Loading, Loaded, Leaving int // models
	Claims, RoomWaiting      int
	Memory                   uint64 // of the claims
	Lines                    int    // of callers who wait at gates
}

// Counts looks at all models, one after the other.
func (r *Runtime) Counts() Counts {
	var c Counts
	for _, res := range r.all() {
		res.count(&c)
	}
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	used := r.room.sum(scope{}, nil)
	c.Claims, c.Memory, c.RoomWaiting = used.models, used.memory, int(r.room.waiting.Load())
	return c
}

// Gate are the requests that hold the slots of a deployment, and that wait for them.
func (r *Runtime) Gate(engine string) (busy, waiting int) { return r.quota(engine).gate.counts() }

// Waiting are the requests that wait for the concurrency of a deployment.
func (r *Runtime) Waiting(engine string) int {
	r.mu.Lock()
	q := r.quotas[engine]
	r.mu.Unlock()
	_, waiting := q.gate.counts()
	return waiting
}

func (r *resident) count(c *Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Waiting += r.waiting
	for _, in := range r.old {
		c.Leaving++
		c.Leases += in.leases
		busy, waiting := in.gate.counts()
		c.Busy, c.Waiting = c.Busy+busy, c.Waiting+waiting
	}
	switch {
	case r.loading != nil:
		c.Loading++
	case r.leaving != nil:
		c.Leaving++
	case r.loaded != nil:
		c.Loaded++
		c.Leases += r.loaded.leases
		busy, waiting := r.loaded.gate.counts()
		c.Busy, c.Waiting = c.Busy+busy, c.Waiting+waiting
		r.loaded.gate.mu.Lock()
		c.Lines += len(r.loaded.gate.lines)
		r.loaded.gate.mu.Unlock()
	}
}

// Pids is how many processes a deployment has; it may be gone already.
func (r *Runtime) Pids(engine string) int { return len(r.host.Status(engine).Pids) }

// Bar is what Close does first.
func (r *Runtime) Bar() { r.bar() }

// RanOut is what the idle clock of a loaded model does when it has run out, be it
// a moment too late.
func (r *Runtime) RanOut(id string) {
	res := r.resident(id)
	res.mu.Lock()
	in := res.loaded
	res.mu.Unlock()
	res.expire(in)
}

// LookAtOffers is what happens every minute.
func (r *Runtime) LookAtOffers() {
	r.lookAtOffers(context.Background(), map[string]time.Time{})
}

// ImporterLimits are those of importers that sdk/PROTOCOL.md has, in its words.
var ImporterLimits = map[string]any{"search, for each importer": searchTimeout, "an importer's rest": importerRest, "plans of one ref": maxPlans}
