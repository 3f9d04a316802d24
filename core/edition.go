package core

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/enginebay/enginebay/core/store"
)

// The file of a routed model may be loaded by several deployments. What each of
// them loads is an edition of the model, with an id that no folder can have:
// MODEL@DEPLOYMENT. It has a place in memory of its own, and goes with its model.

// editionMark stands between the id of a model and the deployment of its edition.
const editionMark = "@"

// targetIDs are the ids of the models that a routed model's targets name.
func targetIDs(m *store.Model) []string {
	ids := make([]string, len(m.Manifest.Targets))
	for i, t := range m.Manifest.Targets {
		if ids[i] = t.Model; t.Engine == "" {
			continue
		}
		ids[i] = m.ID + editionMark + t.Engine
		for n := 2; slices.Contains(ids[:i], ids[i]); n++ { // the same one, with other settings
			ids[i] = fmt.Sprintf("%s%s%s#%d", m.ID, editionMark, t.Engine, n)
		}
	}
	return ids
}

// editions are those that somebody asked for, by id. They are made once for each
// state of their model: who holds one sees that its file has changed.
type editions struct {
	mu   sync.Mutex
	made map[string]edition
	lent map[string]*loan // those of trials
}

type edition struct{ model, of *store.Model }

func (v *editions) of(m *store.Model, target int, id string) *store.Model {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known := v.made[id]; known.of == m {
		return known.model
	}
	t := m.Manifest.Targets[target]
	made := edition{m.Edition(id, t.Engine, t.Settings), m}
	if v.made == nil {
		v.made = map[string]edition{}
	}
	v.made[id] = made
	return made.model
}

// forget drops the editions of a model that have no place in memory any more.
func (v *editions) forget(model string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.made, func(id string, _ edition) bool { return isEdition(id, model) })
}

// isEdition says whether an id is that of a model's edition.
func isEdition(id, model string) bool { return strings.HasPrefix(id, model+editionMark) }

// edition returns the edition of an id; nil where there is none.
func (r *Runtime) edition(id string) *store.Model {
	if m := r.editions.onLoan(id); m != nil {
		return m
	}
	model, _, marked := cutLast(id, editionMark)
	if !marked {
		return nil
	}
	of, err := r.store.Model(model)
	if err != nil || of.ID != model {
		return nil
	}
	if target := slices.Index(targetIDs(of), id); target >= 0 && of.Manifest.Targets[target].Engine != "" {
		return r.editions.of(of, target, id)
	}
	return nil
}

// isEditionID says whether an id could be that of an edition.
func isEditionID(id string) bool {
	model, engine, marked := cutLast(id, editionMark)
	engine, _, _ = strings.Cut(engine, "#")
	return marked && store.ValidID(model) && isEngineID(engine)
}

// cutLast cuts at the last mark.
func cutLast(s, mark string) (before, after string, found bool) {
	if i := strings.LastIndex(s, mark); i >= 0 {
		return s[:i], s[i+len(mark):], true
	}
	return s, "", false
}

// Editions are the editions of routed models that were ever loaded, or were to be.
func (r *Runtime) Editions() []Model {
	var all []Model
	for _, res := range r.all() {
		if !strings.Contains(res.id, editionMark) {
			continue
		}
		if m, err := r.find(res.id); err == nil && m.EditionOf() != "" {
			all = append(all, r.model(m))
		}
	}
	slices.SortFunc(all, func(a, b Model) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// EachLoadable goes over all that takes a place in memory when it is loaded: the
// models that are not routed, and the editions of those that are.
func (r *Runtime) EachLoadable(yield func(Model) bool) {
	for m := range r.EachModel {
		if !m.Manifest.Routed() && !yield(m) {
			return
		}
	}
	for _, m := range r.Editions() {
		if !yield(m) {
			return
		}
	}
}

// editionsOf are the places in memory of a model's editions.
func (r *Runtime) editionsOf(model string) []*resident {
	return slices.DeleteFunc(r.all(), func(res *resident) bool { return !isEdition(res.id, model) })
}

// unload takes a model, and its editions, out of memory.
func (r *Runtime) unload(ctx context.Context, id string) error {
	if res := r.resident(id); res != nil {
		if err := res.unload(ctx); err != nil {
			return err
		}
	}
	for _, res := range r.editionsOf(id) {
		if err := res.unload(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prune has the editions leave that a changed file names no more, as soon as
// nobody uses them.
func (r *Runtime) prune(model string) {
	for _, res := range r.editionsOf(model) {
		if _, err := r.find(res.id); err != nil {
			res.dismiss()
		}
	}
}

// dismiss has what is loaded leave when its last lease is given back: now, where
// nobody has one.
func (r *resident) dismiss() {
	r.mu.Lock()
	defer r.unlock()
	if in := r.loaded; in != nil {
		in.dismissed, in.resting = true, false
	}
}
