package core

import (
	"context"
	"os"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// load loads a model.
func (t *trial) load(ctx context.Context) (string, error) {
	m, err := t.choose()
	if err != nil {
		return "", err
	}
	t.Model, t.modelSettings = m.ID, m.Manifest.Settings
	loaded := t.runtime.model(m).State == StateRunning
	if t.lease, err = t.runtime.acquire(ctx, m, Ask{}, nil); err != nil {
		return "", err
	}
	switch {
	case t.edition:
		return m.EditionOf() + ", which other engines load, for this trial", nil
	case loaded:
		return m.ID + ", which is loaded already", nil
	}
	return m.ID, nil
}

// choose is the model to try.
func (t *trial) choose() (*store.Model, error) {
	if t.wanted != "" {
		return t.given()
	}
	var best, lent Model
	for m := range t.runtime.EachLoadable {
		switch {
		case m.Model.Err != nil || m.State != StateReady && m.State != StateRunning || m.Transition != "":
		case !t.answers(m):
			if t.couldLoad(m) && (lent.Model == nil || better(m, lent)) {
				lent = m
			}
		case m.State == StateRunning:
			return m.Model, nil
		case best.Model == nil || better(m, best):
			best = m
		}
	}
	switch {
	case best.Model != nil:
		return best.Model, nil
	case lent.Model != nil:
		return t.editionOf(lent.Model), nil
	}
	if t.service {
		return nil, sdk.Errorf(sdk.CodeNotFound, "No model is known to try; name one as the service calls it, as in: enginebay engine test %s --model NAME", t.deployment.ID)
	}
	return nil, sdk.Errorf(sdk.CodeNotFound, `No model that is ready names this engine; write "engine": "%s" into a model's file, and try again`, t.deployment.ID)
}

// couldLoad says whether a model of another deployment may be tried: its weights are
// here, and the plugin is the same.
func (t *trial) couldLoad(m Model) bool {
	d, err := t.runtime.Deployment(t.runtime.engineOf(m.Model))
	return err == nil && d.Plugin == t.deployment.Plugin && !m.Remote() && m.EditionOf() == ""
}

// editionOf is a model of another deployment as this one loads it.
func (t *trial) editionOf(m *store.Model) *store.Model {
	id := m.ID + editionMark + t.deployment.ID
	if one := t.runtime.edition(id); one != nil { // a routed model has it
		return one
	}
	t.edition = true
	return t.runtime.editions.lend(id, func() *store.Model { return m.Edition(id, t.deployment.ID, nil) })
}

// A loan is a model that trials of another deployment have.
type loan struct {
	model  *store.Model
	trials int
}

// lend makes the edition of a model that a trial wants, or returns the one that
// another trial has. It is to be given back.
func (v *editions) lend(id string, made func() *store.Model) *store.Model {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lent == nil {
		v.lent = map[string]*loan{}
	}
	if v.lent[id] == nil {
		v.lent[id] = &loan{model: made()}
	}
	v.lent[id].trials++
	return v.lent[id].model
}

// back ends a trial's loan, and says whether it was the last.
func (v *editions) back(id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lent[id].trials--; v.lent[id].trials > 0 {
		return false
	}
	delete(v.lent, id)
	return true
}

func (v *editions) onLoan(id string) *store.Model {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l := v.lent[id]; l != nil {
		return l.model
	}
	return nil
}

// better says whether a model is the better one to try: one with a file here, a
// small one; of a service's one for chats.
func better(m, than Model) bool {
	if own, its := m.Dir != "", than.Dir != ""; own != its {
		return own
	}
	chats := func(m Model) bool { return m.Manifest.Metadata["type"] == "chat" }
	if chats(m) != chats(than) && m.Dir == "" {
		return chats(m)
	}
	return weight(m.Files) < weight(than.Files)
}

// weight is the size of files, in bytes.
func weight(files []string) (bytes int64) {
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// given is the model that was asked for, by its id or its name at the service.
func (t *trial) given() (*store.Model, error) {
	for _, id := range []string{t.wanted, t.deployment.ID + "/" + t.wanted} {
		m, err := t.runtime.Model(id)
		switch {
		case err != nil:
		case t.answers(m):
			return m.Model, nil
		default:
			return t.editionOf(m.Model), nil
		}
	}
	return nil, sdk.Errorf(sdk.CodeNotFound, "There is no model '%.100s'; GET /v1/models lists those that there are", t.wanted)
}

// answers says whether a model is loaded by the deployment.
func (t *trial) answers(m Model) bool {
	if m.State == StateRunning && m.Deployment != t.deployment.ID { // its engine has got its file since
		return false
	}
	return !m.Manifest.Routed() && t.runtime.engineOf(m.Model) == t.deployment.ID
}
