package core

import (
	"context"
	"io"

	"github.com/enginebay/enginebay/core/local"
)

// An UploadRequest is a model that comes in as streams.
type UploadRequest struct {
	ID   string // empty: the one in a zip, or by the name of the weights
	Size int64  // bytes of all of it, at most; 0 where unknown
}

// Upload makes a model of files that come one after the other: weights, a split
// model, or a zip. parts returns the next one, which is read before the one after
// it is asked for, and io.EOF after the last. An error leaves nothing behind.
//
// Errors: those of parts and of what it returns; [sdk.CodeInvalid] for what is no
// model, [store.ErrConflict], [sdk.CodeExhausted] for a full disk.
func (r *Runtime) Upload(ctx context.Context, req UploadRequest, parts func() (name string, r io.Reader, err error)) (Model, error) {
	if r.Closed() {
		return Model{}, shuttingDown()
	}
	if err := r.vacant(req.ID); err != nil {
		return Model{}, err
	}
	up, err := local.NewUpload(r.store, r.localOptions())
	if err != nil {
		return Model{}, err
	}
	defer up.Discard()
	if err := up.Expect(req.Size); err != nil {
		return Model{}, err
	}
	for {
		name, file, err := parts()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Model{}, err
		}
		if err := up.Add(ctx, name, file); err != nil {
			return Model{}, err
		}
	}
	ids, err := up.Commit(ctx, req.ID)
	if err != nil {
		return Model{}, err
	}
	return r.Model(ids[0])
}

// vacant says what stands against an id, before the bytes of its model come.
func (r *Runtime) vacant(id string) error {
	if id == "" {
		return nil
	}
	stage, err := r.store.Stage(id)
	if err == nil {
		stage.Discard()
	}
	return err
}
