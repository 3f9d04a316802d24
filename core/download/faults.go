package download

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// What else can happen than that bytes come.
var (
	errChanged = errors.New("the file on the server is another one than before")
	errPlain   = errors.New("the server cannot send ranges")
	errStalled = errors.New("the server sent next to nothing for a while")
	errShort   = errors.New("the answer ended before all of it was there")
)

// A passing fault may be gone when the server is asked again.
type passing struct {
	error
	after time.Duration // not before
	busy  bool          // with fewer connections it may go
}

func (p *passing) Unwrap() error { return p.error }

// A discarding fault makes what was fetched useless.
type discarding struct{ error }

func (d *discarding) Unwrap() error { return d.error }

// wrong is a file that is not the one that was wanted.
func wrong(format string, args ...any) error {
	return &discarding{sdk.Errorf(sdk.CodeInvalid, format, args...)}
}

// refused is an answer without the file.
func refused(resp *http.Response, address string) error {
	where, status := web.Public(address), resp.StatusCode
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return sdk.Errorf(sdk.CodeNotFound, "%s is not there (HTTP %d); look at the address", where, status)
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusProxyAuthRequired:
		return sdk.Errorf(sdk.CodeUnauthorized, "%s may not be downloaded (HTTP %d); if it needs a token, name one for %s in the setting download_tokens", where, status, web.Origin(resp.Request.URL))
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status >= 500:
		err := sdk.Errorf(sdk.CodeUnavailable, "%s cannot be downloaded now (HTTP %d); try again later", where, status)
		return &passing{err, retryAfter(resp.Header), status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable}
	}
	return sdk.Errorf(sdk.CodeInvalid, "%s cannot be downloaded (HTTP %d); look at the address", where, status)
}

// retryAfter is how long a server wants not to be asked, as far as that is bearable.
func retryAfter(h http.Header) time.Duration {
	wait, _ := web.RetryAfter(h)
	return min(wait, 2*time.Minute)
}

// unanswered is a call that led to no answer.
func unanswered(err error, address string) error {
	var denied *web.Error
	var call *url.Error
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &denied):
		return sdk.Errorf(sdk.CodeInvalid, "%s is not downloaded: %v", web.Public(address), denied)
	case errors.As(err, &untrusted):
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("%s is not trusted; if its certificate is of your own authority, name that in the setting download_ca", web.Public(address)), Cause: untrusted.Err}
	}
	if errors.As(err, &call) {
		err = call.Err // without the address, which may hold credentials
	}
	return &passing{error: fmt.Errorf("ask %s: %w", web.Public(address), err)}
}

// coded gives an error its code, at the end of a fetch.
func coded(ctx context.Context, path string, err error) error {
	name := filepath.Base(path)
	var known *sdk.Error
	var file *fs.PathError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &sdk.Error{Code: sdk.CodeCanceled, Message: fmt.Sprintf("The download of '%s' was stopped; what came of it is kept", name), Cause: ctx.Err()}
	case system.Full(err):
		return &sdk.Error{Code: sdk.CodeExhausted, Message: fmt.Sprintf("The disk of %s is full; make room, and go on with the download of '%s' then", filepath.Dir(path), name), Cause: err}
	case errors.As(err, &known):
		return known
	case errors.As(err, &file):
		return &sdk.Error{Code: sdk.CodeInvalid, Message: fmt.Sprintf("'%s' cannot be written to %s; look at the permissions there", name, filepath.Dir(path)), Cause: file}
	case isPassing(err):
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("'%s' did not come through; what came of it is kept, so try again", name), Cause: err}
	}
	return fmt.Errorf("download %s: %w", name, err)
}

// unseen gives an error its code where a file was only asked for.
func unseen(ctx context.Context, address string, err error) error {
	var known *sdk.Error
	if ctx.Err() == nil && !errors.As(err, &known) && isPassing(err) {
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("%s does not answer; check the address and the network, and the proxy where there is one", web.Public(address)), Cause: err}
	}
	return coded(ctx, nameOf(address), err)
}

func isPassing(err error) bool {
	var p *passing
	return errors.As(err, &p)
}
