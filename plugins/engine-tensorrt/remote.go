package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// remote is a server that speaks OpenAI's form: a trtllm-serve, or Triton's front end.
type remote struct {
	base    string // without /v1
	name    string // the kind of server
	client  *http.Client
	headers map[string]string
}

// askTime bounds the small questions; a load may take longer.
const askTime = 10 * time.Second

// maxAnswer bounds what is read of an answer that is no stream.
const maxAnswer = 32 << 20

func (r *remote) close() { r.client.CloseIdleConnections() }

// host is the server's name for sentences.
func (r *remote) host() string {
	if u, err := url.Parse(r.base); err == nil {
		return u.Host
	}
	return "the address"
}

// kind asks a server what it is: each has paths that the others have not.
func (r *remote) kind(ctx context.Context) (string, error) {
	for _, try := range []struct{ path, kind string }{{"/v2", "triton"}, {"/health/ready", "triton-openai"}, {"/health", "trtllm-serve"}} {
		status, err := r.status(ctx, try.path)
		switch {
		case err != nil:
			return "", err
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			return "", r.refused(status, nil)
		case status == http.StatusOK, status == http.StatusServiceUnavailable && try.path != "/v2":
			return try.kind, nil
		}
	}
	return "", sdk.Errorf(sdk.CodeUnavailable, "what answers at %s is neither a Triton nor a trtllm-serve; check base_url in the engine's file", r.host())
}

func (r *remote) status(ctx context.Context, path string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	resp, err := r.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	return resp.StatusCode, nil
}

// send sends a request; what comes back of a server that is not there is a sentence.
func (r *remote) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, r.away(err)
	}
	return resp, nil
}

// away is a server that does not answer. The cause is without the address, which
// may be nobody's business.
func (r *remote) away(err error) error {
	if bare := (*url.Error)(nil); errors.As(err, &bare) {
		err = bare.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("the server at %s does not answer; check that it runs, and base_url in the engine's file", r.host()), Cause: err}
}

// get reads a JSON document.
func (r *remote) get(ctx context.Context, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return r.exchange(ctx, http.MethodGet, path, nil, v)
}

// exchange sends JSON, and reads JSON where v is not nil.
func (r *remote) exchange(ctx context.Context, method, path string, body io.Reader, v any) error {
	resp, err := r.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return r.away(err)
	case resp.StatusCode != http.StatusOK:
		return r.refused(resp.StatusCode, text)
	case v == nil:
		return nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		return &sdk.Error{Code: sdk.CodeUnavailable, Message: fmt.Sprintf("the server at %s answers with something else than JSON; check base_url", r.host()), Cause: err}
	}
	return nil
}

// refused is an answer that is none.
func (r *remote) refused(status int, body []byte) error {
	code := sdk.CodeUnavailable
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return sdk.Errorf(sdk.CodeUnauthorized, "the server at %s wants another key; name it as secrets.api_key in the engine's file", r.host())
	case status == http.StatusNotFound:
		code = sdk.CodeNotFound
	case status < http.StatusInternalServerError:
		code = sdk.CodeInvalid
	}
	return sdk.Errorf(code, "the server at %s says: %s", r.host(), said(status, body))
}

// said is the message of an error's body: Triton's {"error": TEXT}, or OpenAI's form.
func said(status int, body []byte) string {
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  any             `json:"detail"`
	}
	var inner struct{ Message string }
	var text string
	if json.Unmarshal(body, &answer) == nil {
		if json.Unmarshal(answer.Error, &text) != nil && json.Unmarshal(answer.Error, &inner) == nil {
			text = inner.Message
		}
		if text == "" {
			text = answer.Message
		}
		if detail, ok := answer.Detail.(string); ok && text == "" {
			text = detail
		}
	}
	if text == "" {
		text = fmt.Sprintf("status %d", status)
	}
	return short(text)
}

// models are the names of the server's models.
func (r *remote) models(ctx context.Context) ([]string, error) {
	list, err := r.offers(ctx)
	var names []string
	for _, m := range list {
		names = append(names, m.ID)
	}
	return names, err
}

// offers implements server.
func (r *remote) offers(ctx context.Context) ([]sdk.Manifest, error) {
	var list struct {
		Data []struct {
			ID      string `json:"id"`
			Created int64  `json:"created"`
			OwnedBy string `json:"owned_by"`
		} `json:"data"`
	}
	if err := r.get(ctx, "/v1/models", &list); err != nil {
		return nil, err
	}
	var all []sdk.Manifest
	for _, m := range list.Data {
		if m.ID != "" && !slices.ContainsFunc(all, func(other sdk.Manifest) bool { return other.ID == m.ID }) {
			all = append(all, sdk.Manifest{ID: m.ID, Name: m.ID, Created: m.Created, OwnedBy: m.OwnedBy, Format: "api",
				Settings: map[string]any{"model": m.ID}, Metadata: map[string]any{"type": "chat"}})
		}
	}
	return all, nil
}

// known returns the server's name of a model; a server with a single one need not be
// told which.
func (r *remote) known(ctx context.Context, name string, chosen bool) (string, error) {
	names, err := r.models(ctx)
	switch {
	case err != nil:
		return "", err
	case slices.Contains(names, name):
		return name, nil
	case len(names) == 1 && !chosen:
		return names[0], nil
	}
	return "", noModel(name, r.host(), names)
}

// healthy says whether the server has loaded its model.
func (r *remote) healthy(ctx context.Context) error {
	path := "/health"
	if r.name == "triton-openai" {
		path = "/health/ready"
	}
	status, err := r.status(ctx, path)
	if err == nil && status != http.StatusOK {
		err = sdk.Errorf(sdk.CodeUnavailable, "the server at %s is not ready yet (status %d); try again", r.host(), status)
	}
	return err
}

// inspect implements server.
func (r *remote) inspect(ctx context.Context, name string) ([]sdk.Operation, error) {
	if err := r.healthy(ctx); err != nil {
		return nil, err
	}
	if _, err := r.known(ctx, name, false); err != nil {
		return nil, err
	}
	return r.operations(ctx), nil
}

// attach implements server.
func (r *remote) attach(ctx context.Context, _ *engine, req sdk.LoadRequest, s settings) (*attached, error) {
	if err := r.healthy(ctx); err != nil {
		return nil, err
	}
	there, err := r.known(ctx, s.nameThere(req.Model), s.Model != "")
	if err != nil {
		return nil, err
	}
	endpoint := sdk.Endpoint{URL: r.base, Operations: r.operations(ctx)}
	(&relay{server: r, there: there, here: req.Model.ID}).serve(&endpoint)
	return &attached{endpoint, func(context.Context) error {
		r.close()
		return nil
	}}, nil
}
