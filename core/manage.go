package core

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Create makes a model whose weights lie elsewhere on this machine (it is ready
// at once), are to be downloaded, or belong to somebody else's service. id may be
// empty where a source has a file name to make one of.
//
// Errors: [sdk.CodeInvalid] for an id that cannot be one and for a model that
// could never run, [store.ErrConflict] for an id that is taken,
// [sdk.CodeUnsupported] for a source that needs an importer.
func (r *Runtime) Create(id string, manifest sdk.Manifest) (Model, error) {
	if store.Complete(manifest, store.Defaults{}).Format != "api" {
		for _, source := range manifest.Sources {
			if err := r.reachable(source); err != nil {
				return Model{}, err
			}
		}
	}
	if id = cmp.Or(id, store.NewID(manifest)); id == "" {
		return Model{}, sdk.Errorf(sdk.CodeInvalid, `The model needs an id, as in "id": "my-model", or a source to be made of, as in "source": "hf://OWNER/REPO"`)
	}
	if err := r.store.Create(id, manifest); err != nil {
		return Model{}, err
	}
	return r.Model(id)
}

// reachable says what stands against a source of a model that has no folder yet.
func (r *Runtime) reachable(source sdk.Source) error {
	isURL, isFile := strings.Contains(source.URL, "://"), source.Filename != ""
	if isURL && !(isWeb(source.URL) && isFile) {
		if _, claimed, err := r.importerOf(sdk.Ref(source.URL), ""); claimed || err != nil {
			return err
		}
	}
	switch {
	case isWeb(source.URL) && !isFile:
		return noWeights(source.URL)
	case isURL && !isWeb(source.URL):
		return r.unclaimed(sdk.Ref(source.URL))
	case source.URL != "" && !isURL && !store.IsWeights(source.URL), source.URL != "" && source.Filename == "":
		return sdk.Errorf(sdk.CodeInvalid, "%.200q is no weight file (.gguf, .safetensors)", source.URL)
	case source.URL != "" && !isURL && !filepath.IsAbs(source.URL) && !strings.HasPrefix(source.URL, "~/"):
		return sdk.Errorf(sdk.CodeInvalid, "%.200q is relative to the folder of a model that is not there yet; use the absolute path of the weight file", source.URL)
	}
	return nil
}

// Edit changes a model's file; see [store.Store.Edit]. A model that is loaded
// stays as it was loaded, but for its parameters. A download from other sources
// than the model has then is called off, and what came of it is removed.
func (r *Runtime) Edit(id string, change func(*sdk.Manifest) error) (Model, error) {
	if err := r.offeredOnly(id); err != nil {
		return Model{}, err
	}
	before, missing := r.store.Model(id)
	if err := r.store.Edit(id, change); err != nil {
		return Model{}, err
	}
	m, err := r.Model(id)
	if missing != nil || err != nil || m.ID != before.ID || slices.EqualFunc(before.Manifest.Sources, m.Manifest.Sources, sameFile) {
		return m, err
	}
	if err := r.transfers.cancel(context.Background(), before, true); err != nil {
		return Model{}, err
	}
	return r.Model(id)
}

func sameFile(a, b sdk.Source) bool { return a.Filename == b.Filename && a.URL == b.URL }

// Remove unloads a model and frees what it takes up on this disk; see
// [store.Store.Remove]. state is the one it has then, and empty where it is no more.
func (r *Runtime) Remove(ctx context.Context, id string, purge bool) (state string, err error) {
	if err := r.offeredOnly(id); err != nil {
		return "", err
	}
	m, err := r.store.Model(id)
	if err != nil {
		return "", err
	}
	if err := r.store.Removable(m.ID, purge); err != nil {
		return "", err
	}
	if err := r.unload(ctx, m.ID); err != nil {
		return "", err
	}
	if err := r.transfers.cancel(ctx, m, true); err != nil {
		return "", err
	}
	if err := r.store.Remove(m.ID, purge); err != nil {
		return "", err
	}
	if err := r.unload(ctx, m.ID); err != nil { // somebody may have asked for it meanwhile
		return "", err
	}
	if left, err := r.Model(m.ID); err == nil && left.ID == m.ID {
		return left.State, nil
	}
	return "", nil
}
