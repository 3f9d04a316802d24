package core

import (
	"slices"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// The states of a model (design.md §1).
const (
	StateToDownload  = "to_download"
	StateDownloading = "downloading"
	StateReady       = "ready"
	StateRunning     = "running"
)

// The transitions of a model.
const (
	TransitionStarting = "starting"
	TransitionStopping = "stopping"
)

// A Model is a model with what it does now.
type Model struct {
	*store.Model
	Status
}

// A Status is what a model does now. It is derived, never stored.
type Status struct {
	State      string
	Transition string        // or empty
	Progress   *sdk.Progress // of a load that is under way
	Deployment string        // that has it loaded
	Settings   map[string]any
	Operations []sdk.Operation
	Requests   int            // that the engine works on
	Waiting    int            // requests in the queue
	Ending     int            // requests that end on an instance that a change of its engine has replaced
	Slots      int            // requests that the engine works on at the same time; 0 is any number
	Memory     uint64         // bytes, by the engine's estimate; 0 where unknown
	Since      int64          // Unix seconds: loaded since
	Expires    int64          // Unix seconds: when it is unloaded if nobody asks; 0 while it is in use, or stays
	Pinned     bool           // it stays until somebody stops it
	Changed    bool           // the model's folder is not as it was loaded; stop it to apply
	Ignored    []string       // a sentence for each setting of its file that the engine does not know
	Err        error          // what happened last, and what to do
	Offer      *Offer         // of a model that a service has, and that has no folder here; else nil
	Route      []TargetStatus // of a routed model: its targets
	Download   *Download      // of its files: one that is under way, or what is left of one
	History    History
}

// Models returns every model in the order of ids.
func (r *Runtime) Models() []Model { return slices.Collect(r.EachModel) }

// EachModel goes over every model in the order of ids.
func (r *Runtime) EachModel(yield func(Model) bool) {
	offered := r.offers.seen.Load().models
	for _, m := range r.store.Models() {
		for len(offered) > 0 && offered[0].ID <= m.ID {
			if offered[0].ID < m.ID && !yield(r.model(offered[0])) {
				return
			}
			offered = offered[1:] // one with a folder goes before one that is offered
		}
		if !yield(r.model(m)) {
			return
		}
	}
	for _, m := range offered {
		if !yield(r.model(m)) {
			return
		}
	}
}

// Model returns one model. [sdk.CodeNotFound]: there is none of that id.
func (r *Runtime) Model(id string) (Model, error) {
	m, err := r.find(id)
	if err != nil {
		return Model{}, err
	}
	return r.model(m), nil
}

func (r *Runtime) model(m *store.Model) Model {
	st := Status{State: StateReady, Err: m.Err}
	if !m.Ready {
		st.State = StateToDownload
	}
	if res := r.resident(m.ID); res != nil {
		res.describe(m, &st)
	}
	if m.Dir == "" {
		st.Offer = r.offerOf(m)
	} else {
		r.transfers.describe(m, &st)
	}
	if m.Manifest.Routed() {
		r.describeRoute(m, &st)
	}
	return Model{m, st}
}
