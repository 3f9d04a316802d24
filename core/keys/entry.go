package keys

import (
	"crypto/sha256"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// An Entry is a key in use, with what it has used of its limits.
type Entry struct {
	Key
	sum     [sha256.Size]byte
	rate    *rate.Limiter // nil: no limit
	working atomic.Int64
	used    atomic.Int64 // Unix seconds
}

func newEntry(k Key, sum [sha256.Size]byte) *Entry {
	e := &Entry{Key: k, sum: sum}
	if k.RPM > 0 {
		e.rate = rate.NewLimiter(rate.Limit(k.RPM)/60, k.RPM)
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
func (e *Entry) Enter(now time.Time) (left Allowance, ok bool) {
	if n := e.working.Add(1); e.Concurrency > 0 && n > int64(e.Concurrency) {
		e.working.Add(-1)
		left = e.allowance(now)
		left.Retry = max(left.Retry, time.Second)
		return left, false
	}
	if e.rate != nil && !e.rate.AllowN(now, 1) {
		e.working.Add(-1)
		return e.allowance(now), false
	}
	return e.allowance(now), true
}

// Leave ends a request that Enter let in.
func (e *Entry) Leave() { e.working.Add(-1) }

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
