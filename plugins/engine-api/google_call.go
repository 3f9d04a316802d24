package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/genai"

	"github.com/enginebay/enginebay/sdk/openai"
)

// googleCall is one call by Google's client, which has traps: it puts what it was
// sent into its errors, tells faults of a connection on the standard log, reads
// answers of any size, and panics over some that are not as they should be.
type googleCall struct {
	upstream *upstream
	client   *genai.Client
	context  context.Context
	from     *http.Request
	body     *googleBody // of the answer
}

// googleVersion is the last part of an address that names the version of the API.
var googleVersion = regexp.MustCompile(`/(v\d+[a-z0-9]*)$`)

func (u *upstream) googleCall(r *http.Request) *googleCall {
	c := &googleCall{upstream: u, context: r.Context(), from: r}
	base, version := u.base.String(), "v1beta"
	if found := googleVersion.FindStringSubmatch(base); found != nil {
		base, version = strings.TrimSuffix(base, found[0]), found[1]
	}
	// The key is a stand-in: the upstream's line has the real one. All that is looked
	// for in the environment is given, so that nothing of it counts.
	c.client, _ = genai.NewClient(r.Context(), &genai.ClientConfig{APIKey: "none", Backend: genai.BackendGeminiAPI,
		HTTPClient: &http.Client{Transport: c}, HTTPOptions: genai.HTTPOptions{BaseURL: base, APIVersion: version}})
	return c
}

// RoundTrip implements http.RoundTripper: it is how the client sends.
func (c *googleCall) RoundTrip(r *http.Request) (*http.Response, error) {
	c.upstream.pass(r, c.from)
	resp, err := c.upstream.do(r)
	if err != nil {
		return nil, err
	}
	if _, err := c.upstream.kindOfAnswer(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	measured := atOnce(resp.Body, maxAnswer)
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		measured = bounded(resp.Body, googleEvent)
	}
	c.body = &googleBody{ReadCloser: measured}
	resp.Body = c.body
	return resp, nil
}

// googleEvent bounds an event, in bytes: it may have a drawn image.
const googleEvent = 32 << 20

// googleBody ends where its reading fails, and keeps the error.
type googleBody struct {
	io.ReadCloser
	err error
}

// Read implements io.Reader.
func (b *googleBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.err, err = err, io.EOF
	}
	return n, err
}

// next is the next event of a stream; nil after the last one.
func (c *googleCall) next(events func() (*genai.GenerateContentResponse, error, bool)) (*genai.GenerateContentResponse, error) {
	return safely(c, func() (*genai.GenerateContentResponse, error) {
		event, err, _ := events()
		return event, err
	})
}

// safely makes a fault of whatever comes out of the client instead of an answer.
func safely[T any](c *googleCall, ask func() (T, error)) (answer T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.fault(fmt.Errorf("the client panics: %v", p))
		}
	}()
	answer, err = ask()
	if err != nil || c.body != nil && c.body.err != nil {
		err = c.fault(err)
	}
	return answer, err
}

// fault is what an error of the client was about.
func (c *googleCall) fault(err error) error {
	var said *openai.Error
	var refused genai.APIError
	var sent *url.Error
	switch {
	case c.context.Err() != nil:
		return c.context.Err()
	case c.body != nil && c.body.err != nil:
		return c.body.err
	case errors.As(err, &said):
		return said
	case errors.As(err, &refused):
		return c.upstream.googleSaid(refused)
	case errors.As(err, &sent):
		return sent
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner // the client puts questions and answers around it
	}
	c.upstream.log.Debug("the answer cannot be read", "provider", c.upstream.row.name, "model", c.upstream.id, "error", fmt.Sprintf("%T", err))
	return failed(http.StatusBadGateway, "upstream_broken", "%s answers with something that is none of the Gemini API; check base_url in engines/%s.json", c.upstream.row.name, c.upstream.account.id)
}

// googleSaid is an error that came as an event of a stream.
func (u *upstream) googleSaid(e genai.APIError) *openai.Error {
	if e.Code < 400 || e.Code > 599 {
		e.Code = http.StatusBadGateway
	}
	text, _ := json.Marshal(map[string]any{"error": e}) // of what came from JSON: it cannot fail
	header := http.Header{}
	status := googleDetails(header, e.Code, text)
	return u.said(status, header, text)
}
