package main

import (
	"context"
	"net/http"

	"github.com/enginebay/enginebay/sdk"
)

// A dialect is how a kind of service is asked, and how its answers become OpenAI's.
// It has no state: what it needs to know is in the upstream.
type dialect interface {
	// operations are what a model answers, where neither its settings nor its
	// metadata say.
	operations(u *upstream) []sdk.Operation

	// serve answers one request; op is one of the upstream's. The body of r is
	// bounded, and its context ends when the client leaves. An error before the first
	// byte of the answer becomes the answer, and one after it the last event of the
	// stream: a *openai.Error as it is, any other as u.broken says it.
	serve(u *upstream, op sdk.Operation, w http.ResponseWriter, r *http.Request) error

	// models asks the service what it has; u has no model. Errors have codes, see
	// sdk.Lister.
	models(ctx context.Context, u *upstream) ([]sdk.Manifest, error)
}

// A listener is a dialect whose services say in the body of an error what the line
// looks for in its header.
type listener interface {
	listen(next http.RoundTripper) http.RoundTripper
}
