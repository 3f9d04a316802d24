package core

import (
	"context"

	"github.com/enginebay/enginebay/core/store"
)

// ContextLength is how many tokens a request to a model may have, with those of its
// answer: as it is loaded, or as its engine would load it now, which is asked without
// loading anything. It is 0 where nobody knows: of routed models, and of most remote
// ones.
//
// Errors: [sdk.CodeNotFound] where there is no such model, and what stands in the
// way of loading it.
func (r *Runtime) ContextLength(ctx context.Context, id string) (int, error) {
	m, err := r.find(id)
	if err != nil || m.Manifest.Routed() {
		return 0, err
	}
	if in := r.running(m.ID); in != nil {
		return in.context, nil
	}
	if err := usable(m); err != nil {
		return 0, err
	}
	return r.inspectContext(ctx, m)
}

func (r *Runtime) inspectContext(ctx context.Context, m *store.Model) (int, error) {
	p, err := r.plan(ctx, m, nil)
	if err != nil {
		return 0, err
	}
	defer p.release()
	req, err := p.request(m)
	if err != nil {
		return 0, err
	}
	n, err := p.inspect(ctx, nil, req)
	return n.context, p.deployment.concealed(err)
}
