package core

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/enginebay/enginebay/core/local"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// localPlans are what a ref to this machine can become.
func (r *Runtime) localPlans(req PullRequest) ([]local.Found, []Variant, error) {
	found, err := local.Resolve(req.Ref, local.Here())
	if err != nil {
		return nil, nil, err
	}
	all := make([]Variant, len(found))
	for i := range found {
		f := &found[i]
		if f.Err == nil && len(req.Overlay) > 0 {
			if f.Manifest, err = store.Patch(f.Manifest, req.Overlay); err != nil {
				return nil, nil, err
			}
		}
		v := Variant{Plan: sdk.Plan{Manifest: f.Manifest}, Name: f.Name, ID: cmp.Or(req.ID, f.ID), Ref: f.Ref, Size: f.Size, Default: len(found) == 1, Err: f.Err}
		r.fit(&v)
		if m := local.Known(r.store, f.Files); m != nil {
			v.ID, v.State = m.ID, r.model(m).State
		}
		all[i] = v
	}
	return found, all, nil
}

// pullLocal makes models of what lies on this machine: of all that a ref names, or
// of the one that is wanted. It returns when they are there.
func (r *Runtime) pullLocal(ctx context.Context, req PullRequest) (Pulled, error) {
	found, variants, err := r.localPlans(req)
	if err != nil {
		return Pulled{}, err
	}
	if req.Variant != "" || len(found) == 1 {
		chosen, err := Plans{Variants: variants}.named(req.Variant)
		if err != nil {
			return Pulled{}, err
		}
		at := slices.IndexFunc(found, func(f local.Found) bool { return f.Name == chosen.Name })
		found = found[at : at+1]
	} else if req.ID != "" {
		return Pulled{}, sdk.Errorf(sdk.CodeInvalid, "%.200s is %d models, and an id is for one: name one of them", req.Ref, len(found))
	}
	var ids []string
	var failed error // the first: one sentence is for the user
	for _, f := range found {
		o := r.localOptions()
		o.ID, o.Mode = req.ID, req.Mode
		made, err := local.Import(ctx, r.store, f, o, r.importing(cmp.Or(req.ID, f.ID)))
		if err != nil && len(found) > 1 {
			r.log.Warn("model not imported", "model", f.Name, "error", err)
		}
		ids, failed = append(ids, made...), cmp.Or(failed, err)
	}
	if len(ids) == 0 {
		return Pulled{}, failed
	}
	m, err := r.Model(ids[0])
	return Pulled{Model: m, Others: ids[1:]}, err
}

func (r *Runtime) localOptions() local.Options {
	return local.Options{Free: system.Free, Reserve: r.downloads.Load().Reserve}
}

// importing tells how far an import is. Its model is not there before the end.
func (r *Runtime) importing(id string) func(local.Progress) {
	var told time.Time
	return func(p local.Progress) {
		if time.Since(told) < downloadPeriod && p.Done < p.Total {
			return
		}
		told = time.Now()
		r.events.emit(Event{Type: EventDownloadProgress, Model: id, Download: &Download{Phase: p.Phase, Done: p.Done, Total: p.Total, ETA: -1}})
	}
}

// Local says whether the request names what lies on this machine: a path, or
// another tool's store.
func (req PullRequest) Local() bool {
	return req.Importer == "" && local.Claims(req.Ref, local.Here())
}
