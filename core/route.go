package core

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/enginebay/enginebay/core/store"
)

// RoutingSpread sends each request to the target with the fewest in flight for its
// weight; without it they go to the first that works.
const RoutingSpread = "spread"

// routes are the routed models that somebody asked for.
type routes struct {
	mu    sync.Mutex
	known map[string]map[string]*health // by the ids of the routed model and of the target
}

// health is that of a target. Called with mu held.
func (rs *routes) health(model, target string) *health {
	if rs.known[model] == nil {
		if rs.known == nil {
			rs.known = map[string]map[string]*health{}
		}
		rs.known[model] = map[string]*health{}
	}
	h := rs.known[model][target]
	if h == nil {
		h = &health{}
		rs.known[model][target] = h
	}
	return h
}

// forget drops what is known of a model that is gone.
func (rs *routes) forget(model string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.known, model)
}

// forgive has the targets that which chooses be tried again.
func (rs *routes) forgive(which func(target string) bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, targets := range rs.known {
		for id, h := range targets {
			if which(id) {
				h.answer()
			}
		}
	}
}

// targets are those of all routed models.
func (rs *routes) targets() (ids []string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, targets := range rs.known {
		ids = slices.AppendSeq(ids, maps.Keys(targets))
	}
	return ids
}

// forgiveEngine has the targets be tried again that a deployment loads: it was changed.
func (r *Runtime) forgiveEngine(id string) {
	loads := slices.DeleteFunc(r.routes.targets(), func(target string) bool {
		m, err := r.find(target)
		return err != nil || r.engineOf(m) != id
	})
	r.routes.forgive(func(target string) bool { return slices.Contains(loads, target) })
}

// A Route is the way of one request through the targets of a routed model. It is
// used by one goroutine at a time:
//
//	for route.Next() {
//		lease, err := route.Acquire(ctx, ask)
//		… route.Failed(err, 0), or an answer: route.Answered(lease)
//	}
//
// A target that is routed itself is gone through in its place.
type Route struct {
	runtime *Runtime
	legs    []*leg // the routed models on the way; the last one's target is asked
	lease   *Lease // of the target that has answered
	last    error  // of the target that was asked last
}

// leg is one routed model on the way.
type leg struct {
	model   *store.Model
	choices []*choice
	cool    time.Duration
	timeout time.Duration // 0 is any time
	ends    time.Time     // when the routed model, as a target of another, has to have answered; zero is any time
	at      *choice       // whose target is asked; nil where none is
	began   time.Time     // since when it is asked
	failed  bool          // one of its targets did
}

// choice is one of a routed model's targets, as one request sees it.
type choice struct {
	*health
	id     string
	weight float64
	asked  bool // by this request
}

// Route returns the way to the targets of a routed model; nil for a model that is
// none. [sdk.CodeInvalid]: its targets lead in a circle, or too deep.
func (r *Runtime) Route(id string) (*Route, error) {
	m, err := r.find(id)
	if err != nil || !m.Manifest.Routed() {
		return nil, err
	}
	if err := r.passable(m); err != nil {
		return nil, err
	}
	rt := &Route{runtime: r}
	rt.enter(m, time.Time{})
	return rt, nil
}

// enter begins with the targets of a routed model.
func (rt *Route) enter(m *store.Model, ends time.Time) {
	l := &leg{model: m, ends: ends, cool: parsedTime(m.Manifest.CoolDown, defaultCoolDown), timeout: parsedTime(m.Manifest.Timeout, 0)}
	rs := &rt.runtime.routes
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for i, id := range targetIDs(m) {
		weight := m.Manifest.Targets[i].Weight
		if weight <= 0 {
			weight = 1
		}
		l.choices = append(l.choices, &choice{health: rs.health(m.ID, id), id: id, weight: weight})
	}
	rt.legs = append(rt.legs, l)
}

// parsedTime is a time of a model file, whose form its schema has checked.
func parsedTime(text string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	return otherwise
}

// Next goes on to the next target; false where none is left.
func (rt *Route) Next() bool {
	for {
		now := time.Now()
		l := rt.top()
		if !l.ends.IsZero() && !now.Before(l.ends) || !rt.choose(l, now) {
			if len(rt.legs) == 1 {
				return false
			}
			rt.legs = rt.legs[:len(rt.legs)-1]
			rt.end(rt.top(), l.failed, rt.last, 0)
			continue
		}
		m, err := rt.runtime.find(l.at.id)
		if err != nil || !m.Manifest.Routed() || len(rt.legs) == maxRouteDepth { // its file was changed just now
			return true
		}
		rt.enter(m, rt.deadline(now))
	}
}

func (rt *Route) top() *leg { return rt.legs[len(rt.legs)-1] }

// deadline is when the target that is asked has to have answered; zero is any time.
func (rt *Route) deadline(now time.Time) time.Time {
	l := rt.top()
	ends := l.ends
	if l.timeout > 0 && (ends.IsZero() || now.Add(l.timeout).Before(ends)) {
		ends = now.Add(l.timeout)
	}
	return ends
}

// choose takes the target that is to be asked next: of those that are well the first,
// or the freest; else the first of those that cool down.
func (rt *Route) choose(l *leg, now time.Time) bool {
	rs := &rt.runtime.routes
	rs.mu.Lock()
	defer rs.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(l.choices), func(c *choice) bool { return c.asked })
	if len(left) == 0 {
		return false
	}
	well := slices.DeleteFunc(slices.Clone(left), func(c *choice) bool { return c.cools(now) })
	l.at = left[0]
	switch {
	case len(well) > 0 && l.model.Manifest.Routing == RoutingSpread:
		l.at = rt.runtime.freest(well)
	case len(well) > 0:
		l.at = well[0]
	}
	l.at.asked = true
	l.at.begin(l)
	l.began = now
	return true
}

// freest is the target with the fewest requests in flight for its weight. Equals
// take turns, by weight.
func (r *Runtime) freest(choices []*choice) *choice {
	loads := make([]float64, len(choices))
	for i, c := range choices {
		loads[i] = float64(max(c.inFlight, r.users(c.id))) / c.weight
	}
	least := slices.Min(loads)
	var best *choice
	total := 0.0
	for i, c := range choices {
		if loads[i] > least {
			continue
		}
		c.turn += c.weight
		total += c.weight
		if best == nil || c.turn > best.turn {
			best = c
		}
	}
	best.turn -= total
	return best
}

// users is how many use a model, by way of a routed one or not.
func (r *Runtime) users(id string) int {
	res := r.resident(id)
	if res == nil {
		return 0
	}
	res.mu.Lock()
	defer res.mu.Unlock()
	if res.loaded == nil {
		return res.waiting
	}
	return res.loaded.leases + res.waiting
}

// Target is the id of the model that is asked.
func (rt *Route) Target() string { return rt.top().at.id }

// Model is the id of the routed model.
func (rt *Route) Model() string { return rt.legs[0].model.ID }

// Timeout is how long the target may take until the first byte of its answer; 0 is
// any time.
func (rt *Route) Timeout() time.Duration {
	ends := rt.deadline(rt.top().began)
	if ends.IsZero() {
		return 0
	}
	return max(ends.Sub(rt.top().began), 1)
}

// Acquire returns a lease on the target, as [Runtime.Acquire] does. Once the target
// has answered, its release is the end of the request.
func (rt *Route) Acquire(ctx context.Context, ask Ask) (*Lease, error) {
	m, err := rt.runtime.find(rt.Target())
	if err != nil {
		return nil, err
	}
	lease, err := rt.runtime.acquire(ctx, m, ask, nil)
	if err != nil {
		return nil, err
	}
	for _, l := range slices.Backward(rt.legs) {
		lease.parameters = over(lease.parameters, l.model.Manifest.Parameters)
	}
	lease.route = rt
	return lease, nil
}

func (r *Runtime) acquireRouted(ctx context.Context, id string, ask Ask) (lease *Lease, err error) {
	rt, err := r.Route(id)
	if err != nil {
		return nil, err
	}
	for rt.Next() {
		if lease, err = rt.Acquire(ctx, ask); err == nil {
			rt.Answered(lease)
			return lease, nil
		}
		if ctx.Err() != nil || r.Closed() {
			rt.Leave()
			return nil, err
		}
		rt.Failed(err, 0)
	}
	return nil, err
}

// over are parameters with those of a routed model over them.
func over(under, own map[string]any) map[string]any {
	if len(own) == 0 {
		return under
	}
	return requestDefaults(layer{OriginModel, under}, layer{OriginModel, own}).plain()
}

// Failed says that the target did not answer: it is passed over for a while. pause
// is how long it said to stay away; 0 is that it did not. A lease on it is still to
// be released.
func (rt *Route) Failed(err error, pause time.Duration) {
	rt.last, rt.lease = err, nil
	rt.end(rt.top(), true, err, pause)
}

// Unfit says that the target does not answer such requests, which is no fault of
// it.
func (rt *Route) Unfit(err error) {
	rt.last = err
	rt.end(rt.top(), false, err, 0)
}

// end is the end of a request at one target, without an answer.
func (rt *Route) end(l *leg, failed bool, err error, pause time.Duration) {
	rs := &rt.runtime.routes
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if failed {
		l.failed = true
		l.at.fail(time.Now(), l.began, err, l.cool, pause)
		rt.runtime.log.Warn("target failed", "model", l.model.ID, "target", l.at.id, "error", err)
	}
	l.leave()
}

// Answered says that the target has answered by a lease.
func (rt *Route) Answered(l *Lease) {
	rt.lease = l
	rt.runtime.routes.mu.Lock()
	defer rt.runtime.routes.mu.Unlock()
	for _, l := range rt.legs {
		l.at.answer()
	}
}

// Leave is the end of the request, however it came; further calls do nothing.
func (rt *Route) Leave() {
	rt.runtime.routes.mu.Lock()
	defer rt.runtime.routes.mu.Unlock()
	for _, l := range rt.legs {
		l.leave()
	}
}

// released is the end of a lease: that of the request too, where it is the one that
// answered.
func (rt *Route) released(l *Lease) {
	if rt.lease == l {
		rt.Leave()
	}
}

// leave is called with the routes' mu held.
func (l *leg) leave() {
	if l.at != nil {
		l.at.end(l)
		l.at = nil
	}
}
