package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/enginebay/enginebay/sdk/gguf"
	"github.com/enginebay/enginebay/sdk/web"
)

// look reads in the weights themselves what the hub's API does not say: the
// header of the first variant, which the others share but for their size, or the
// configuration beside safetensors. It is also how one learns that a gated
// repository cannot be fetched, before anything is: its description is public.
func (r *resolution) look(ctx context.Context) error {
	var err error
	brief, cancel := context.WithTimeout(ctx, r.c.patience)
	defer cancel()
	if len(r.selected) > 0 {
		r.head, err = r.header(brief, r.selected[0])
	} else {
		_, err = r.c.JSON(brief, r.c.address(r.t.repo(), r.t.rev, "config.json"), &r.config)
	}
	var refused *web.StatusError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused) && refused.Host == r.c.endpoint.Host && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		return r.c.explain(ctx, r.t, err)
	default: // the plans are good without it
		r.c.log.Warn("the head of a model could not be read", "repository", r.t.repo(), "error", err)
	}
	return nil
}

// header reads the part before the vocabulary, and the whole where the hub does
// not say how many parameters there are.
func (r *resolution) header(ctx context.Context, v variant) (*gguf.Header, error) {
	file, size, err := r.c.Range(ctx, r.c.address(r.t.repo(), r.t.rev, v.path()))
	if err != nil {
		return nil, err
	}
	if r.info.GGUF.v.Total > 0 || len(v.files) > 1 {
		return gguf.PeekFrom(file, size)
	}
	head, err := gguf.ReadFrom(file, size)
	if err != nil {
		return gguf.PeekFrom(file, size) // what was read is kept
	}
	return head, nil
}

// memoryContext bounds the context that memory is estimated for, as the engine
// does where nobody chose one.
const memoryContext = 8192

// memory is what a variant takes once it is loaded, with its projector. Without a
// header it is the weights alone.
func (r *resolution) memory(v variant) uint64 {
	head := gguf.Header{}
	if r.head != nil {
		head = *r.head
	}
	head.FileSize = v.size()
	if p := r.projector(v); p != nil {
		head.FileSize += p.Size
	}
	return head.Memory(gguf.Load{ContextLength: min(head.ContextLength, memoryContext)}).Total()
}
