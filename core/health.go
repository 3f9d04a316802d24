package core

import "time"

const (
	defaultCoolDown = 30 * time.Second
	maxCoolDown     = 5 * time.Minute
	// maxPause bounds what a target may say of when to come back.
	maxPause = time.Hour
)

// Health of a target.
const (
	HealthOK      = "ok"
	HealthCooling = "cooling_down" // it failed, and is passed over for a while
	// HealthUnusable is that of one that is not there, or is a model that cannot be used.
	HealthUnusable = "unusable"
)

// A health is how a target of a routed model is, as its last requests went:
//
//	ok            → cooling down   a request failed
//	cooling down  → ok             a request was answered
//
// When the time of its cooling is over, one request is let at it. The others
// pass it over until that is answered.
type health struct {
	failures int       // one after the other
	failed   time.Time // when the last one of them was
	until    time.Time // it cools down
	trial    *leg      // of the request that tries whether it is well again
	err      error     // of the last failure
	inFlight int       // requests, by way of the routed model
	turn     float64   // how much it is its turn among those that are equally free
}

// cools says whether the target is passed over.
func (h *health) cools(now time.Time) bool {
	return h.failures > 0 && !h.until.IsZero() && (now.Before(h.until) || h.trial != nil)
}

// begin notes that a request is sent.
func (h *health) begin(by *leg) {
	h.inFlight++
	if h.failures > 0 && h.trial == nil {
		h.trial = by
	}
}

// end notes that a request is over.
func (h *health) end(by *leg) {
	h.inFlight--
	if h.trial == by {
		h.trial = nil
	}
}

// fail notes that a request failed that began at a time. Of requests that fail
// together only the first one counts: what broke, broke once. pause is how long
// the target said to stay away; 0 is that it did not.
func (h *health) fail(now, began time.Time, err error, coolDown, pause time.Duration) {
	h.err = err
	if h.failures == 0 || began.After(h.failed) {
		h.failures++
		h.failed = now
	}
	if coolDown == 0 && pause == 0 {
		return
	}
	for range h.failures - 1 {
		coolDown = min(2*coolDown, max(coolDown, maxCoolDown))
	}
	if pause > 0 {
		coolDown = min(pause, maxPause)
	}
	if until := now.Add(coolDown); until.After(h.until) {
		h.until = until
	}
}

// answer notes that a request was answered.
func (h *health) answer() { h.failures, h.until, h.err = 0, time.Time{}, nil }
