package core

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A room keeps what is in memory within the limits. A load takes a claim on it
// first, and waits until there is place; models that nobody uses leave for it.
type room struct {
	limits  *atomic.Pointer[Limits]
	waiting atomic.Int32 // loads that wait: others only tell of changes when there are some
	over    atomic.Bool  // more is in memory than the limits, which became less, allow

	mu      sync.Mutex
	closed  bool // nobody gets a claim any more
	claims  map[*claim]struct{}
	changed chan struct{} // closed, and a new one made, when something may fit now
}

// A need is what a load wants of the room.
type need struct {
	resident *resident
	quota    *quota // of the deployment
	memory   uint64 // bytes, by the engine's estimate; 0 where unknown
	remote   bool   // it takes nothing of this machine
	context  int    // tokens, see [sdk.Inspection]; 0 where unknown
}

// A claim is a model's place in memory, from before its load until its memory is free.
type claim struct {
	need
	in      *loaded // nil while it loads
	leaving atomic.Bool
}

func newRoom(limits *atomic.Pointer[Limits]) *room {
	return &room{limits: limits, claims: map[*claim]struct{}{}, changed: make(chan struct{})}
}

// take returns a claim for a model of so many bytes, waiting until there is
// place. [sdk.CodeExhausted]: there never will be; [sdk.CodeUnavailable]: the end has come.
func (rm *room) take(ctx context.Context, n need) (*claim, error) {
	rm.waiting.Add(1)
	defer rm.waiting.Add(-1)
	for {
		c, changed, err := rm.try(n)
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try takes the claim if there is place. Where there is none, models that nobody
// uses are told to leave, if that will do, and changed closes when it is worth
// another try.
func (rm *room) try(n need) (c *claim, changed <-chan struct{}, err error) {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	if rm.closed {
		return nil, nil, shuttingDown()
	}
	limits, tight := rm.limits.Load(), []scope(nil)
	for _, s := range n.scopes(limits) {
		if err := s.tooLarge(n); err != nil {
			return nil, nil, err
		}
		if s.fits(rm.sum(s, nil), n.memory) {
			continue
		}
		if !s.fits(rm.sum(s, isPinned(limits)), n.memory) {
			return nil, nil, s.pinnedOut(n, rm.pinned(s, limits))
		}
		tight = append(tight, s)
	}
	if len(tight) > 0 {
		rm.makeRoom(tight, limits, n.memory)
		return nil, rm.changed, nil
	}
	c = &claim{need: n}
	rm.claims[c] = struct{}{}
	return c, nil, nil
}

// sum adds up the claims of a scope that which chooses; nil is all.
func (rm *room) sum(s scope, which func(*claim) bool) usage {
	var u usage
	for c := range rm.claims {
		if s.has(c) && (which == nil || which(c)) {
			u.models++
			u.memory += c.memory
		}
	}
	return u
}

func isPinned(limits *Limits) func(*claim) bool {
	return func(c *claim) bool { return c.in != nil && !c.leaving.Load() && c.resident.pinned(c.in, limits) }
}

func (rm *room) pinned(s scope, limits *Limits) []string {
	var ids []string
	for c := range rm.claims {
		if s.has(c) && isPinned(limits)(c) {
			ids = append(ids, c.resident.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// makeRoom tells models that nobody uses to leave until memory will fit into all scopes.
// Where those in use leave no place in one of them, all stay: none should leave in vain.
// Called with mu held.
func (rm *room) makeRoom(scopes []scope, limits *Limits, memory uint64) {
	out := map[*claim]bool{}
	for _, s := range slices.Backward(scopes) { // who leaves the deployment's leaves the server's too
		if !rm.choose(s, limits, memory, out) {
			return
		}
	}
	evict(out)
}

// choose adds to out models of a scope that nobody uses until memory will fit, the one
// that is missed least first, and says whether it will. Called with mu held.
func (rm *room) choose(s scope, limits *Limits, memory uint64, out map[*claim]bool) (enough bool) {
	type candidate struct {
		*claim
		worth float64
	}
	var idle []candidate
	for c := range rm.claims {
		if !s.has(c) || out[c] || c.in == nil || c.leaving.Load() || c.resident.pinned(c.in, limits) {
			continue
		}
		if since, ok := c.resident.idleSince(c.in); ok {
			idle = append(idle, candidate{c, worth(time.Since(since), c.in.took)})
		}
	}
	slices.SortFunc(idle, func(a, b candidate) int { return cmp.Compare(a.worth, b.worth) })
	left := rm.sum(s, func(c *claim) bool { return stays(c) && !out[c] })
	for _, c := range idle {
		if s.fits(left, memory) {
			break
		}
		left.models--
		left.memory -= c.memory
		out[c.claim] = true
	}
	return s.fits(left, memory)
}

func evict(out map[*claim]bool) {
	for c := range out {
		c.resident.evict(c.in) // unless somebody came to use it just now
	}
}

func stays(c *claim) bool { return !c.leaving.Load() }

// worth is how much an idle model is missed when it goes: one that was used
// lately more than one that was not, one that takes long to load more than one
// that is back at once. Below a second, neither says much.
func worth(idle, load time.Duration) float64 {
	return (load + time.Second).Seconds() / (idle + time.Second).Seconds()
}

// settle says that a load went well. An engine that tells what the model took knows
// it better than by its estimate.
func (rm *room) settle(c *claim, in *loaded) {
	took := in.inst.Endpoint().Memory
	rm.mu.Lock()
	c.in = in
	more := took > c.memory && !c.remote
	if took > 0 {
		c.memory = took
	}
	rm.mu.Unlock()
	if more {
		rm.trim()
	}
	rm.notify()
}

// free gives a claim back: its memory is free.
func (rm *room) free(c *claim) {
	rm.mu.Lock()
	delete(rm.claims, c)
	rm.mu.Unlock()
	rm.notify()
}

// vacated says that a model has nobody who uses it any more.
func (rm *room) vacated() {
	if rm.over.Load() {
		go rm.trim()
	}
	rm.notify()
}

// notify has loads that wait try again.
func (rm *room) notify() {
	if rm.waiting.Load() == 0 {
		return
	}
	rm.mu.Lock()
	defer rm.mu.Unlock()
	close(rm.changed)
	rm.changed = make(chan struct{})
}

// close ends the waiting, and lets nobody in.
func (rm *room) close() {
	rm.mu.Lock()
	rm.closed = true
	rm.mu.Unlock()
	rm.notify()
}

// trim has models leave that are beyond limits which became less. Those in use
// stay until they are not.
func (rm *room) trim() {
	rm.mu.Lock()
	limits, over := rm.limits.Load(), false
	scopes := map[scope]bool{}
	for c := range rm.claims {
		for _, s := range c.scopes(limits) {
			scopes[s.grown()] = true
		}
	}
	for s := range scopes {
		out := map[*claim]bool{}
		rm.choose(s, limits, 0, out)
		evict(out)
		over = over || !s.fits(rm.sum(s, stays), 0)
	}
	rm.over.Store(over)
	rm.mu.Unlock()
	rm.notify()
}
