package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// server is one that runs elsewhere.
type server interface {
	// offers lists its models.
	offers(ctx context.Context) ([]sdk.Manifest, error)
	// inspect says what a model there answers; an error says why it cannot be had.
	inspect(ctx context.Context, name string) ([]sdk.Operation, error)
	// attach makes a model there answer as here.
	attach(ctx context.Context, e *engine, req sdk.LoadRequest, s settings) (*attached, error)
	// close gives up idle connections.
	close()
}

// reach finds out what answers, and how to speak to it.
func (e *engine) reach(ctx context.Context, s settings) (server, error) {
	headers := s.headers(e.configuration().Secrets)
	if s.Protocol == "grpc" {
		return newTriton(s, headers)
	}
	r := &remote{base: s.BaseURL, client: newClient(), headers: headers}
	kind := s.Server
	if kind == "auto" {
		var err error
		if kind, err = r.kind(ctx); err != nil {
			r.close()
			return nil, err
		}
	}
	if kind == "triton" {
		r.close()
		return newTriton(s, headers)
	}
	r.name = kind
	return r, nil
}

// headers are sent with each request. Without any, the key goes as those of OpenAI do.
func (s settings) headers(secrets map[string]string) map[string]string {
	key := secrets["api_key"]
	given := s.Headers
	if given == nil && key != "" {
		given = map[string]string{"Authorization": "Bearer {api_key}"}
	}
	headers := map[string]string{}
	for name, value := range given {
		headers[name] = strings.ReplaceAll(value, "{api_key}", key)
	}
	return headers
}

func (e *engine) attach(ctx context.Context, req sdk.LoadRequest, s settings, progress func(sdk.Progress)) (sdk.Instance, error) {
	progress(sdk.Progress{Fraction: -1, Note: "asking the server"})
	there, err := e.reach(ctx, s)
	if err != nil {
		return nil, e.unkeyed(err)
	}
	at, err := there.attach(ctx, e, req, s)
	if err != nil {
		there.close()
		return nil, e.unkeyed(err)
	}
	at.endpoint.Parallel = s.NParallel
	if key := e.configuration().Secrets["api_key"]; key != "" && at.endpoint.Handler != nil { // whatever a server repeats
		at.endpoint.Handler = web.NewRedactor(key).Handler(at.endpoint.Handler)
	}
	return sdk.NewInstance(at.endpoint, at.leave), nil // a server that goes away comes back: it does not end by itself
}

// unkeyed is an error without the key, which a server may have repeated in its words.
func (e *engine) unkeyed(err error) error {
	text := web.NewRedactor(e.configuration().Secrets["api_key"]).Text(err.Error())
	if text == err.Error() {
		return err
	}
	return sdk.Errorf(sdk.CodeOf(err), "%s", text)
}

// inspectThere never fails: what does is a reason.
func (e *engine) inspectThere(ctx context.Context, req sdk.LoadRequest, s settings) sdk.Inspection {
	there, err := e.reach(ctx, s)
	if err != nil {
		return sdk.Inspection{Reasons: []string{e.unkeyed(err).Error()}}
	}
	defer there.close()
	ops, err := there.inspect(ctx, s.nameThere(req.Model))
	if err != nil {
		return sdk.Inspection{Reasons: []string{e.unkeyed(err).Error()}}
	}
	return sdk.Inspection{Operations: ops, ContextLength: s.MaxSeqLen}
}

// attached is a model on a server that runs elsewhere, and what to do at the end.
type attached struct {
	endpoint sdk.Endpoint
	leave    func(ctx context.Context) error
}

// noModel is the error of a name that the server does not know.
func noModel(name, where string, has []string) error {
	hint := ""
	switch near := sdk.Near(name, has); {
	case len(near) > 0:
		hint = fmt.Sprintf("; did you mean '%s'", strings.Join(near, "', '"))
	case len(has) > 0:
		hint = fmt.Sprintf("; it has '%s'", strings.Join(has[:min(5, len(has))], "', '"))
	}
	return sdk.Errorf(sdk.CodeNotFound, "the server at %s has no model '%s'%s; name one as model", where, name, hint)
}
