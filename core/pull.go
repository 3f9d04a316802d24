package core

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Pulled is what came of a pull.
type Pulled struct {
	Model  Model
	Others []string // ids of the further variants, whose files were not fetched
}

// Pull makes models of what a ref names, and begins to download the one that is
// wanted. It returns when the download has begun: the model is then in
// [StateDownloading], or in [StateReady] where there is nothing to fetch. What is
// there already is left as it is, and its download goes on. What lies on this
// machine is there when Pull returns.
//
// Errors: those of [Runtime.Plans] and [Runtime.Download]; [store.ErrConflict] for
// an id that is taken by another model.
func (r *Runtime) Pull(ctx context.Context, req PullRequest) (Pulled, error) {
	if req.Local() {
		return r.pullLocal(ctx, req)
	}
	plans, err := r.Plans(ctx, req)
	if err != nil {
		return Pulled{}, err
	}
	chosen, err := plans.named(req.Variant)
	if err != nil {
		return Pulled{}, err
	}
	made := plans.Variants
	if req.Variant != "" || req.ID != "" {
		made = []Variant{chosen}
	}
	ids, err := r.catalogue(made, req)
	if err != nil {
		return Pulled{}, err
	}
	at := slices.IndexFunc(made, func(v Variant) bool { return v.ID == chosen.ID })
	pulled := Pulled{Others: slices.Delete(slices.Clone(ids), at, at+1)}
	if pulled.Model, err = r.Model(ids[at]); err == nil && !req.CatalogueOnly {
		pulled.Model, err = r.Download(ctx, ids[at])
	}
	return pulled, err
}

// catalogue makes model files of variants and returns their ids. They are of one
// repository and share a folder, unless they are remote: the models of a provider
// are no variants of each other, and each keeps the id that it was asked for by.
func (r *Runtime) catalogue(all []Variant, req PullRequest) ([]string, error) {
	if all[0].Manifest.Format != "api" || req.ID != "" {
		return r.catalogueFolder(all, req)
	}
	ids := make([]string, 0, len(all))
	for _, v := range all {
		req.ID = v.ID
		id, err := r.catalogueFolder([]Variant{v}, req)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id...)
	}
	return ids, nil
}

func (r *Runtime) catalogueFolder(all []Variant, req PullRequest) ([]string, error) {
	folder := req.ID
	entries := make([]store.Variant, len(all))
	for i, v := range all {
		entries[i].Manifest = v.Manifest
		if req.ID == "" {
			folder, entries[i].Name, _ = cutVariant(v.ID)
		}
		if len(req.Overlay) == 0 {
			continue
		}
		patched, err := store.Patch(v.Manifest, req.Overlay)
		if err != nil {
			return nil, err
		}
		entries[i].Manifest = patched
	}
	ids, err := r.store.Catalogue(folder, entries)
	if owner := all[0].Manifest.OwnedBy; errors.Is(err, store.ErrConflict) && req.ID == "" && owner != "" {
		if other, again := r.store.Catalogue(store.Sanitized(owner+"-"+strings.ReplaceAll(folder, "/", "-")), entries); again == nil {
			return other, nil
		}
	}
	return ids, err
}

// pinpointed is a model whose sources name files: where its file names no more than
// a repository, as the oldest do, the variant that suits this machine is written
// into it.
func (r *Runtime) pinpointed(ctx context.Context, m *store.Model) (*store.Model, error) {
	if len(m.Manifest.Sources) == 0 || m.Manifest.Sources[0].Filename != "" {
		return m, nil
	}
	plans, err := r.Plans(ctx, PullRequest{Ref: sdk.Ref(m.Manifest.Sources[0].URL)})
	if err != nil {
		return nil, err
	}
	chosen, err := plans.named(text(m.Manifest.Metadata, "quantization"))
	if sdk.CodeOf(err) == sdk.CodeNotFound {
		chosen, err = plans.standard()
	}
	if err != nil {
		return nil, err
	}
	err = r.store.Edit(m.ID, func(now *sdk.Manifest) error {
		now.Metadata["repository"] = cmp.Or(text(chosen.Manifest.Metadata, "repository"), now.Sources[0].URL)
		now.Sources = chosen.Manifest.Sources
		if mmproj := text(chosen.Manifest.Settings, "mmproj"); mmproj != "" {
			now.Settings["mmproj"] = mmproj
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.store.Model(m.ID)
}
