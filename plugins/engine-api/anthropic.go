package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/enginebay/enginebay/sdk"
)

// claude is the dialect of Anthropic's Messages API, by its official client. Chats
// are translated; what is in Anthropic's form already goes through as it is.
type claude struct{}

// operations implements dialect.
func (claude) operations(*upstream) []sdk.Operation {
	return []sdk.Operation{sdk.OpChat, sdk.OpMessages, sdk.OpCountTokens}
}

// serve implements dialect.
func (claude) serve(u *upstream, op sdk.Operation, w http.ResponseWriter, r *http.Request) error {
	if op != sdk.OpChat {
		return u.proxy(op, claudeBase(u)+"/v1/"+string(op), w, r)
	}
	c, err := u.readChat(r)
	if err != nil {
		return err
	}
	params, err := claudeParams(u, c)
	if err != nil {
		return err
	}
	out := newCompletion(w, u, c)
	// A whole answer is asked for as a stream too: so the time-outs can tell a model
	// that thinks for ten minutes from a service that is dead.
	var resp *http.Response
	stream := claudeClient(u).Messages.NewStreaming(r.Context(), params, append(claudePass(r), option.WithResponseInto(&resp))...)
	defer stream.Close()
	if resp != nil {
		if err := u.streams(w, resp); stream.Err() == nil && err != nil {
			return err
		}
	}
	said := claudeAnswer{completion: out, upstream: u}
	for stream.Next() {
		if err := said.take(stream.Current()); err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil {
		return claudeFault(u, err)
	}
	return said.end()
}

// models implements dialect: it reads page after page.
func (claude) models(ctx context.Context, u *upstream) ([]sdk.Manifest, error) {
	pages := claudeClient(u).Models.ListAutoPaging(ctx, anthropic.ModelListParams{Limit: anthropic.Int(1000)})
	var all []sdk.Manifest
	for pages.Next() && len(all) < maxOffered {
		from := pages.Current()
		if !isName(from.ID) || from.Lifecycle == anthropic.ModelInfoLifecycleRetired {
			continue
		}
		m := u.offer(from.ID, "chat")
		m.Name, m.Created = cmp.Or(u.tidy(from.DisplayName), from.ID), max(0, from.CreatedAt.Unix())
		if from.MaxInputTokens > 0 {
			m.Metadata["context_length"] = from.MaxInputTokens
		}
		if from.Capabilities.ImageInput.Supported {
			m.Metadata["vision"] = true
		}
		all = append(all, m)
	}
	if err := pages.Err(); err != nil {
		return nil, u.listing(ctx, claudeFault(u, err))
	}
	return all, nil
}

// claudeBase is the address without the version, which the client adds.
func claudeBase(u *upstream) string { return strings.TrimSuffix(u.base.String(), "/v1") }

// claudeClient is the official client on the upstream's line, which has the key,
// the retries and the time-outs.
func claudeClient(u *upstream) *anthropic.Client {
	client := anthropic.NewClient(option.WithoutEnvironmentDefaults(), option.WithBaseURL(claudeBase(u)+"/"), option.WithHTTPClient(u.client), option.WithMaxRetries(0),
		option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			resp, err := next(r)
			if err == nil {
				resp.Body = bounded(resp.Body, maxEvent)
			}
			return resp, err
		}))
	return &client
}

// claudePass hands on what ties the logs of both sides together.
func claudePass(r *http.Request) []option.RequestOption {
	if id := r.Header.Get("X-Request-Id"); id != "" {
		return []option.RequestOption{option.WithHeader("X-Request-Id", id)}
	}
	return nil
}

// claudeStatus are the statuses of errors that come in the midst of a stream, which
// have none of their own.
var claudeStatus = map[string]int{"invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403, "not_found_error": 404,
	"request_too_large": 413, "rate_limit_error": 429, "timeout_error": 504, "overloaded_error": 529}

// claudeFault makes a fault of the client's error.
func claudeFault(u *upstream, err error) error {
	if garbled(err) {
		return u.nonsense()
	}
	var said *anthropic.Error
	if !errors.As(err, &said) || said.Response == nil {
		return err
	}
	kind, status := string(said.Type()), said.StatusCode
	if status == http.StatusOK {
		if status = claudeStatus[kind]; status == 0 {
			status = http.StatusBadGateway
		}
	}
	f := u.said(status, said.Response.Header, []byte(said.RawJSON()))
	if f.Code == "" {
		f.Code = kind
	}
	return f
}
