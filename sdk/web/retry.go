package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/enginebay/enginebay/sdk"
)

const (
	defaultTries = 4
	defaultPause = 500 * time.Millisecond
	longestPause = 20 * time.Second // a service that wants a longer one is busy for now
	tryTimeout   = time.Minute      // of one try, with its body
)

// try sends a request and reads its answer, again where that may help.
func (c *Catalogue) try(ctx context.Context, request func(context.Context) (*http.Request, error), read func(*http.Response) error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = cmp.Or(c.Pause, defaultPause), longestPause
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		return struct{}{}, again(ctx, c.once(ctx, request, read))
	}, backoff.WithBackOff(pause), backoff.WithMaxTries(cmp.Or(c.Tries, defaultTries)))
	var wait *waiting
	if errors.As(err, &wait) {
		err = wait.cause
	}
	var permanent *backoff.PermanentError // stays when it is the last try's
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	return c.sentence(ctx, err)
}

func (c *Catalogue) once(ctx context.Context, request func(context.Context) (*http.Request, error), read func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	r, err := request(ctx)
	if err != nil {
		return err
	}
	base, _ := url.Parse(c.Base)
	if Origin(r.URL) == Origin(base) {
		for name, values := range c.Header {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return refusal(answer)
	}
	return read(answer)
}

// waiting is an error after which a service names the pause itself; it answers
// to errors.As for both.
type waiting struct {
	pause *backoff.RetryAfterError
	cause error
}

func (w *waiting) Error() string   { return w.cause.Error() }
func (w *waiting) Unwrap() []error { return []error{w.pause, w.cause} }

// again says of an error whether another try may help.
func again(ctx context.Context, err error) error {
	var status *StatusError
	var coded *sdk.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, errors.As(err, &certificate):
		return backoff.Permanent(err)
	case errors.As(err, &status):
		if status.Status != http.StatusTooManyRequests && status.Status < 500 || status.Status == http.StatusNotImplemented {
			return backoff.Permanent(err)
		}
		pause, ok := RetryAfter(status.Header)
		switch {
		case ok && pause > longestPause:
			return backoff.Permanent(err)
		case ok:
			return &waiting{pause: &backoff.RetryAfterError{Duration: pause}, cause: err}
		}
	case errors.As(err, &coded): // nothing of the network
		return backoff.Permanent(err)
	}
	return err
}

// RetryAfter reads how long a service wants to be left alone: seconds, with a fraction
// too, or a date; or milliseconds, as OpenAI and Azure have it. ok is false where it
// does not say.
func RetryAfter(h http.Header) (wait time.Duration, ok bool) {
	const longest = 1e6 // seconds
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		return time.Duration(min(ms/1e3, longest) * float64(time.Second)), true
	}
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, longest) * float64(time.Second)), true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(0, time.Until(date)), longest*time.Second), true
}
