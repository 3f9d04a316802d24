package core

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/enginebay/enginebay/sdk"
)

// A quota is a deployment's share of requests: how many it works on at the same
// time, and in a minute, and what it has answered. It outlives the processes.
type quota struct {
	id      string
	force   force
	now     atomic.Pointer[Deployment] // as it is in force; nil before the first use
	granted sync.Mutex                 // for folders
	folders []string                   // of linked weights, which its processes may read
	gate    gate                       // of the requests to all its models
	waits   waits
	rate    atomic.Pointer[rate.Limiter] // nil: no limit
	spent   spent
}

// quota returns that of a deployment.
func (r *Runtime) quota(id string) *quota {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, ok := r.quotas[id]
	if !ok {
		q = &quota{id: id}
		q.gate.waits = &q.waits
		r.quotas[id] = q
	}
	return q
}

// deployment is it as it is in force.
func (q *quota) deployment() *Deployment { return q.now.Load() }

func (q *quota) set(d Deployment) {
	before := q.now.Swap(&d)
	q.gate.resize(d.Limits.Concurrency)
	switch perMinute := d.Limits.PerMinute; {
	case perMinute == 0:
		q.rate.Store(nil)
	case before == nil || before.Limits.PerMinute != perMinute:
		q.rate.Store(rate.NewLimiter(rate.Limit(perMinute)/60, perMinute))
	}
}

// allow counts a request. [RetryError]: there were too many within the last minute.
func (q *quota) allow() error {
	limit := q.rate.Load()
	if limit == nil || limit.Allow() {
		return nil
	}
	wait := time.Duration((1 - limit.Tokens()) / float64(limit.Limit()) * float64(time.Second))
	return &RetryError{Err: sdk.Errorf(sdk.CodeExhausted, "The engine %s takes %d requests a minute; try again in %v", q.id, limit.Burst(), wait.Round(time.Second)),
		After: max(wait, time.Second), Rate: true}
}

// Usage is what a deployment has answered since the server started.
type Usage struct {
	Requests int64   `json:"requests"`
	Failures int64   `json:"failures"` // of them, for which the engine is to blame: status 500 and above
	Input    int64   `json:"input_tokens"`
	Output   int64   `json:"output_tokens"`
	Cost     float64 `json:"cost"` // by the deployment's prices
}

type spent struct {
	mu sync.Mutex
	Usage
}

// Spend counts a request that is over, with its tokens.
func (l *Lease) Spend(status, input, output int) {
	q := l.loaded.quota
	price := priceOf(q.deployment().Prices, l.Name())
	q.spent.mu.Lock()
	defer q.spent.mu.Unlock()
	u := &q.spent.Usage
	u.Requests++
	if status >= 500 {
		u.Failures++
	}
	u.Input += int64(input)
	u.Output += int64(output)
	u.Cost += (float64(input)*price.Input + float64(output)*price.Output) / 1e6
}

// priceOf is that of a model: its id says it, else the longest pattern that fits.
func priceOf(prices map[string]Price, model string) Price {
	if price, exact := prices[model]; exact || len(prices) == 0 {
		return price
	}
	best := ""
	for pattern := range prices {
		if matches(pattern, model) && (len(pattern) > len(best) || len(pattern) == len(best) && pattern < best) {
			best = pattern
		}
	}
	return prices[best]
}

// usage is what a deployment has answered.
func (r *Runtime) usage(id string) Usage {
	r.mu.Lock()
	q := r.quotas[id]
	r.mu.Unlock()
	if q == nil {
		return Usage{}
	}
	q.spent.mu.Lock()
	defer q.spent.mu.Unlock()
	return q.spent.Usage
}
