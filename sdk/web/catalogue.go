package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/enginebay/enginebay/sdk"
)

// A Catalogue is a web service that an importer reads. It may be used
// concurrently. What fails for a moment (429, 5xx, a broken connection) is tried
// again, as the service's Retry-After says or with growing pauses.
type Catalogue struct {
	HTTP   *http.Client
	Base   string        // "https://huggingface.co"; paths are below it
	Header http.Header   // of every request beside its own, such as api-key; goes to the origin of Base only
	Tries  uint          // at most; 0 is four
	Pause  time.Duration // before the second try; 0 is half a second
}

const (
	maxDocument  = 32 << 20
	tryTimeout   = time.Minute      // of one try, with its body
	longestPause = 20 * time.Second // a service that wants a longer one is busy for now
	maxErrorText = 4 << 10
	defaultPause = 500 * time.Millisecond
	defaultTries = 4
)

// JSON reads the document at a path below Base, or at an address of the same
// origin, such as that of the next page, into v. It answers with the headers.
//
// Errors: a [*StatusError] where the service refuses, and an [*sdk.Error] with
// [sdk.CodeUnavailable] where it does not answer, or not with JSON.
func (c *Catalogue) JSON(ctx context.Context, path string, v any) (http.Header, error) {
	return c.Do(ctx, http.MethodGet, path, nil, v)
}

// Do is [Catalogue.JSON] for another method; form is sent as the body where it
// is not nil.
func (c *Catalogue) Do(ctx context.Context, method, path string, form url.Values, v any) (http.Header, error) {
	address, err := c.address(path)
	if err != nil {
		return nil, err
	}
	var header http.Header
	request := func(ctx context.Context) (*http.Request, error) {
		var body io.Reader
		if form != nil {
			body = strings.NewReader(form.Encode())
		}
		r, err := http.NewRequestWithContext(ctx, method, address, body)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Accept", "application/json")
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return r, nil
	}
	err = c.try(ctx, request, func(answer *http.Response) error {
		header = answer.Header
		return document(answer, v)
	})
	return header, err
}

// address is that of a path; what leads away from Base is refused, for such a
// path comes from outside.
func (c *Catalogue) address(path string) (string, error) {
	base, err := url.Parse(c.Base)
	if err != nil || Origin(base) == "" {
		return "", sdk.Errorf(sdk.CodeInvalid, "'%s' is no web address", Public(c.Base))
	}
	full := strings.TrimSuffix(c.Base, "/") + "/" + strings.TrimPrefix(path, "/")
	if strings.Contains(path, "://") && !strings.HasPrefix(path, "/") {
		full = path
	}
	u, err := url.Parse(full)
	if err != nil || Origin(u) != Origin(base) {
		return "", sdk.Errorf(sdk.CodeUnavailable, "the catalogue at %s names an address elsewhere, which is not read", base.Host)
	}
	return full, nil
}

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
		pause, ok := retryAfter(status.Header.Get("Retry-After"))
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

// retryAfter reads seconds, or a date.
func retryAfter(value string) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1<<30)) * time.Second, true
	}
	date, err := http.ParseTime(value)
	return max(0, time.Until(date)), err == nil
}

// sentence brings an error into a form for the user, without the addresses that
// net/http puts into its own: their queries may be credentials.
func (c *Catalogue) sentence(ctx context.Context, err error) error {
	var status *StatusError
	var refused *Error
	var coded *sdk.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &sdk.Error{Code: sdk.CodeCanceled, Message: "the call was called off", Cause: ctx.Err()}
	case errors.As(err, &status):
		return err
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &coded):
		return coded
	}
	host := "the catalogue"
	if bare := (*url.Error)(nil); errors.As(err, &bare) {
		err = bare.Err
		if u, failed := url.Parse(bare.URL); failed == nil {
			host = u.Host
		}
	}
	message := "'" + host + "' does not answer; check the network, and the proxy where there is one"
	if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
		message = "'" + host + "' has a certificate that this machine does not trust; a private authority must be among those of the system, or in SSL_CERT_FILE"
	}
	return &sdk.Error{Code: sdk.CodeUnavailable, Message: message, Cause: err}
}

// document reads the body of an answer as JSON.
func document(answer *http.Response, v any) error {
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return sdk.Errorf(sdk.CodeUnavailable, "'%s' answers with %s, which nobody asked for", answer.Request.URL.Host, encoding)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return err
	}
	if len(text) > maxDocument {
		return sdk.Errorf(sdk.CodeUnavailable, "'%s' answers with more than %d MiB", answer.Request.URL.Host, maxDocument>>20)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		why := "with something else than its catalogue"
		if bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
			why = "with a web page, perhaps of a login or a proxy"
		}
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: "'" + answer.Request.URL.Host + "' answers " + why + "; check its address", Cause: err}
	}
	return nil
}
