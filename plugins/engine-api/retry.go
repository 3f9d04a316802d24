package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/enginebay/enginebay/sdk/openai"
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
		if asked, ok := web.RetryAfter(resp.Header); ok {
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
	var said *openai.Error
	return !errors.Is(err, errFirstByte) && !errors.Is(err, context.Canceled) && !errors.As(err, &refused) && !errors.As(err, &said)
}
