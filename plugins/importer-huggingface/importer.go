package main

import (
	"context"
	"sync/atomic"

	"github.com/enginebay/enginebay/sdk"
)

// importer resolves refs of Hugging Face. Each configuration has a client of its
// own, so that calls that are under way keep theirs.
type importer struct {
	client atomic.Pointer[client]
}

// Configure implements sdk.Configurer.
func (i *importer) Configure(_ context.Context, c sdk.Configuration) error {
	client, err := newClient(c)
	if err != nil {
		return err
	}
	i.client.Store(client)
	return nil
}

// ready is the client, where there is one that may be used.
func (i *importer) ready() (*client, error) {
	c := i.client.Load()
	switch {
	case c == nil:
		return nil, sdk.Errorf(sdk.CodeInternal, "the Hugging Face importer was not configured")
	case offline():
		return nil, sdk.Errorf(sdk.CodeUnavailable, "HF_HUB_OFFLINE is set, so that %s is not called; unset it and restart the server", c.endpoint.Host)
	}
	return c, nil
}

// Resolve implements sdk.Importer: one plan for each quantization, in the order
// of preference that variant.go has.
func (i *importer) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	c, err := i.ready()
	if err != nil {
		return nil, err
	}
	defer c.close()
	t, err := parse(ref, c.endpoint)
	if err != nil {
		return nil, err
	}
	if t.name == "" {
		return nil, c.author(ctx, t)
	}
	found, err := c.info(ctx, t)
	if err != nil {
		return nil, err
	}
	r, err := choose(c, t, found)
	if err != nil {
		return nil, err
	}
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	return r.plans(), nil
}
