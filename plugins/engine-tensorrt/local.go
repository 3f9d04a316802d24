package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/process"
)

// textOperations are what every trtllm-serve answers.
var textOperations = []sdk.Operation{sdk.OpChat, sdk.OpCompletion}

// local is a trtllm-serve on this machine.
type local struct {
	*process.Server
	endpoint sdk.Endpoint
	relay    *relay
}

// Endpoint implements sdk.Instance.
func (l *local) Endpoint() sdk.Endpoint { return l.endpoint }

// settle looks at what the server answers. Where it has another name for the model, all
// requests go through this process; else streams go straight there.
func (l *local) settle(ctx context.Context, id string, named bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	l.relay = &relay{server: &remote{base: l.endpoint.URL, client: newClient()}, there: id, here: id}
	l.endpoint.Operations = l.relay.server.operations(ctx)
	if !named {
		if names, err := l.relay.server.models(ctx); err == nil && len(names) == 1 {
			l.relay.there = names[0]
		}
	}
	l.relay.serve(&l.endpoint)
}

// Close implements sdk.Instance.
func (l *local) Close(ctx context.Context) error {
	l.relay.server.close()
	return l.Server.Close(ctx)
}

// further are operations that a trtllm-serve may have, by its version.
var further = []sdk.Operation{sdk.OpResponses}

// operations are those whose paths the server describes; at least textOperations.
func (r *remote) operations(ctx context.Context) []sdk.Operation {
	ops := slices.Clone(textOperations)
	var doc struct {
		Paths map[string]any `json:"paths"`
	}
	if r.get(ctx, "/openapi.json", &doc) != nil {
		return ops // a server need not describe itself
	}
	for _, op := range further {
		if doc.Paths[op.Path()] != nil {
			ops = append(ops, op)
		}
	}
	return ops
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.DisableCompression = true
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
