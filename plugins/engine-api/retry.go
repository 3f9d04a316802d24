package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/enginebay/enginebay/sdk/web"
)

const (
	firstPause   = 500 * time.Millisecond
	longestPause = 20 * time.Second // a service that wants a longer one is busy for now, and the client is told
)

// pause decides upon further tries of one request.
type pause struct {
	left   int
	growth *backoff.ExponentialBackOff
}

func newPause(retries int) *pause { return &pause{left: retries} }

// next says whether to try again, and after how long. What was answered is asked
// again only where the service says that it did nothing, or could not.
func (p *pause) next(r *http.Request, resp *http.Response, err error) (time.Duration, bool) {
	if p.left == 0 || r.Context().Err() != nil || r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return 0, false
	}
	if err == nil && !passing[resp.StatusCode] || err != nil && !mayPass(err) {
		return 0, false
	}
	if p.growth == nil {
		p.growth = backoff.NewExponentialBackOff()
		p.growth.InitialInterval, p.growth.MaxInterval = firstPause, longestPause
	}
	p.left--
	wait := p.growth.NextBackOff()
	if resp != nil {
		if asked, ok := retryAfter(resp.Header); ok {
			wait = asked
		}
	}
	return wait, wait <= longestPause
}

// passing are the statuses that may be gone the next time; 529 is Anthropic's for
// "overloaded".
var passing = map[int]bool{408: true, 429: true, 500: true, 502: true, 503: true, 504: true, 529: true}

// mayPass says whether an error may be gone the next time. A time-out has taken long
// enough, and an address that is not called will not be called.
func mayPass(err error) bool {
	var refused *web.Error
	var said *fault
	return !errors.Is(err, errFirstByte) && !errors.Is(err, context.Canceled) && !errors.As(err, &refused) && !errors.As(err, &said)
}

// retryAfter reads how long a service wants to be left alone: seconds or a date, or
// milliseconds as OpenAI and Azure have it.
func retryAfter(h http.Header) (time.Duration, bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond)), true
	}
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1e6) * float64(time.Second)), true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(0, time.Until(date)), 1e6*time.Second), true
}
