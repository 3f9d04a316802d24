package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// A Catalogue is a web service that an importer reads. It may be used
// concurrently. What fails for a moment (429, 5xx, a broken connection) is tried
// again, as the service's Retry-After says or with growing pauses.
type Catalogue struct {
	HTTP   *http.Client  // of [New]; required
	Base   string        // "https://huggingface.co"; paths are below it
	Header http.Header   // of every request beside its own, such as api-key; goes to the origin of Base only
	Tries  uint          // at most; 0 is four
	Pause  time.Duration // before the second try; 0 is half a second
}

const (
	maxDocument  = 32 << 20
	maxErrorText = 4 << 10
)

// JSON reads the document at a path below Base, or at an address of the same
// origin, such as that of the next page, into v. It answers with the headers.
//
// Errors: a [*StatusError] where the service refuses, and an [*sdk.Error] with
// [sdk.CodeUnavailable] where it does not answer, or not with JSON.
func (c *Catalogue) JSON(ctx context.Context, path string, v any) (http.Header, error) {
	return c.send(ctx, http.MethodGet, path, "", nil, v)
}

// Post is [Catalogue.JSON] with a body: url.Values go as a form, everything else
// as JSON. It must not matter whether the service does it twice.
func (c *Catalogue) Post(ctx context.Context, path string, body, v any) (http.Header, error) {
	if form, ok := body.(url.Values); ok {
		return c.send(ctx, http.MethodPost, path, "application/x-www-form-urlencoded", []byte(form.Encode()), v)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, http.MethodPost, path, "application/json", text, v)
}

func (c *Catalogue) send(ctx context.Context, method, path, kind string, body []byte, v any) (http.Header, error) {
	address, err := c.address(path)
	if err != nil {
		return nil, err
	}
	request := func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Accept", "application/json")
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		return r, nil
	}
	var header http.Header
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
