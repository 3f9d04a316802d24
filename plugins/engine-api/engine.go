package main

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/enginebay/enginebay/sdk"
)

// engine asks remote services. Each configuration has an account of its own, so
// that models that are loaded keep theirs.
type engine struct {
	account atomic.Pointer[account]
}

// Configure implements sdk.Configurer.
func (e *engine) Configure(_ context.Context, c sdk.Configuration) error {
	a, err := newAccount(c)
	if err != nil {
		return err
	}
	if old := e.account.Swap(a); old != nil {
		old.rest()
	}
	return nil
}

// open is what a load and a look at a model have in common: nobody is called.
func (e *engine) open(req sdk.LoadRequest) (*upstream, error) {
	a := e.account.Load()
	s := usual()
	if err := req.Decode(&s); err != nil {
		return nil, err
	}
	u, err := a.open(req.Model, s)
	if err == nil && req.Log != nil {
		u.log = req.Log
	}
	return u, err
}

// Inspect implements sdk.Inspector.
func (e *engine) Inspect(_ context.Context, req sdk.LoadRequest) (sdk.Inspection, error) {
	u, err := e.open(req)
	var coded *sdk.Error
	switch {
	case errors.As(err, &coded) && coded.Code != sdk.CodeInternal:
		return sdk.Inspection{Reasons: []string{coded.Message}}, nil
	case err != nil:
		return sdk.Inspection{}, err
	}
	defer u.cancel()
	vision, _ := u.manifest.Metadata["vision"].(bool)
	return sdk.Inspection{Operations: u.operations, Vision: vision, Remote: true}, nil
}

// Load implements sdk.Engine. The service is not called: a model of its is there
// when the first request is answered, and a server starts without a network.
func (e *engine) Load(ctx context.Context, req sdk.LoadRequest, _ func(sdk.Progress)) (sdk.Instance, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	u, err := e.open(req)
	var coded *sdk.Error
	if errors.As(err, &coded) {
		return nil, &sdk.Error{Code: coded.Code, Message: "model '" + req.Model.ID + "': " + coded.Message, Cause: coded.Cause}
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

// Models implements sdk.Lister.
func (e *engine) Models(ctx context.Context) ([]sdk.Manifest, error) {
	a := e.account.Load()
	u, err := a.service()
	if err != nil {
		return nil, err
	}
	defer a.rest()
	defer u.cancel()
	return u.row.language().models(ctx, u)
}
