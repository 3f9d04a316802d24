package keys

import (
	"crypto/sha256"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// grace is how long a request waits for another to end: a client that has read
// the last of a stream sends its next request before the stream is closed here.
const grace = 100 * time.Millisecond

// An Entry is a key in use, with what it has used of its limits.
type Entry struct {
	Key
	sum     [sha256.Size]byte
	rate    *rate.Limiter // nil: no limit
	working chan struct{} // one in it for each request that works; nil: no limit
	used    atomic.Int64  // Unix seconds
}

func newEntry(k Key, sum [sha256.Size]byte) *Entry {
	e := &Entry{Key: k, sum: sum}
	if k.RPM > 0 {
		e.rate = rate.NewLimiter(rate.Limit(k.RPM)/60, k.RPM)
	}
	if k.Concurrency > 0 {
		e.working = make(chan struct{}, k.Concurrency)
	}
	return e
}

// same says whether a key in the file is the one of this entry, as it was.
func (e *Entry) same(k Key) bool {
	k.LastUsed = e.LastUsed
	return k == e.Key
}

// Allowance is what a key's limit of requests a minute leaves. A minute's worth may
// be used at once; it comes back evenly.
type Allowance struct {
	Limit, Remaining int           // Limit 0: there is none
	Reset            time.Duration // until all of it is there again
	Retry            time.Duration // until the next request is allowed; 0: it is
}

// Enter begins a request, which [Entry.Leave] ends. ok is false where a limit
// stands against it: then nothing has begun, and left.Retry says when to come again.
// It waits a moment for a request that is about to end.
func (e *Entry) Enter(now time.Time) (left Allowance, ok bool) {
	if !e.begin() {
		left = e.allowance(now)
		left.Retry = max(left.Retry, time.Second)
		return left, false
	}
	ok = e.rate == nil || e.rate.AllowN(now, 1)
	if !ok {
		e.Leave()
	}
	return e.allowance(now), ok
}

func (e *Entry) begin() bool {
	if e.working == nil {
		return true
	}
	select {
	case e.working <- struct{}{}:
		return true
	default:
	}
	select {
	case e.working <- struct{}{}:
		return true
	case <-time.After(grace):
		return false
	}
}

// Leave ends a request that Enter let in.
func (e *Entry) Leave() {
	if e.working != nil {
		<-e.working
	}
}

func (e *Entry) allowance(now time.Time) Allowance {
	if e.rate == nil {
		return Allowance{}
	}
	tokens := e.rate.TokensAt(now)
	wait := func(missing float64) time.Duration {
		return time.Duration(max(0, missing) / float64(e.rate.Limit()) * float64(time.Second))
	}
	return Allowance{Limit: e.RPM, Remaining: max(0, int(math.Floor(tokens))), Reset: wait(float64(e.RPM) - tokens), Retry: wait(1 - tokens)}
}
