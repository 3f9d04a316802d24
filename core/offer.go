package core

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// Models that a remote service has need no file here: a deployment offers them, as
// DEPLOYMENT/NAME. The list of each is asked for when the server starts, when the
// deployment changes and every hour, is kept on disk, and is stale as long as the
// service cannot be asked.

const (
	offersLast  = time.Hour
	offersRetry = 5 * time.Minute // after a list that could not be had
	maxOffers   = 10_000
)

// offers are the models of all services.
type offers struct {
	mu   sync.Mutex
	of   map[string]*offer // by deployment
	seen atomic.Pointer[offered]
	look chan struct{} // the deployments have changed

	guests map[string]*store.Model  // by id, see guest
	asking map[string]chan struct{} // by deployment; holds one while its service is asked

	refreshing sync.WaitGroup
}

// An offer is the list of one deployment. It is not changed once it is made.
type offer struct {
	settings string // of the deployment that was asked: another one's list is none
	fetched  time.Time
	models   []*store.Model // in the order of ids
	err      error          // why it could not be asked again
}

// An Offer says of a model that it is a service's, without a file here.
type Offer struct {
	Engine  string
	Fetched time.Time // when its deployment's list was
	Stale   bool      // the service could not be asked since
	Err     error     // why
}

// offered is what is offered altogether.
type offered struct {
	models []*store.Model // in the order of ids
	byID   map[string]*store.Model
	lists  map[string]*offer
}

func newOffers() *offers {
	o := &offers{of: map[string]*offer{}, asking: map[string]chan struct{}{}, guests: map[string]*store.Model{}, look: make(chan struct{}, 1)}
	o.seen.Store(&offered{})
	return o
}

// ask waits until nobody else asks a deployment's service. done lets the next one.
func (o *offers) ask(ctx context.Context, deployment string) (done func(), err error) {
	o.mu.Lock()
	one := o.asking[deployment]
	if one == nil {
		one = make(chan struct{}, 1)
		o.asking[deployment] = one
	}
	o.mu.Unlock()
	select {
	case one <- struct{}{}:
		return func() { <-one }, nil
	case <-ctx.Done():
		return nil, callerLeft(ctx)
	}
}

// maxGuests bounds the names that are taken on trust.
const maxGuests = 1000

// guest is a model that stands in no list, as long as no list says what there is; nil
// where there are too many.
func (o *offers) guest(deployment, name string) *store.Model {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := deployment + "/" + name
	if m, ok := o.guests[id]; ok {
		return m
	}
	if len(o.guests) >= maxGuests {
		return nil
	}
	o.guests[id] = offeredModel(deployment, sdk.Manifest{ID: name, Settings: map[string]any{"model": name}})
	return o.guests[id]
}

// put makes a list the one of a deployment; nil removes it.
func (o *offers) put(deployment string, list *offer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.set(deployment, list)
}

// replace is put, where the list is still the one that was seen; ok is false where it
// is another one by now.
func (o *offers) replace(deployment string, seen, list *offer) (ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of[deployment] != seen {
		return false
	}
	o.set(deployment, list)
	return true
}

// set is put with mu held.
func (o *offers) set(deployment string, list *offer) {
	if list == nil {
		delete(o.of, deployment)
	} else {
		o.of[deployment] = list
	}
	all := &offered{byID: map[string]*store.Model{}, lists: maps.Clone(o.of)}
	for _, list := range o.of {
		all.models = append(all.models, list.models...)
	}
	slices.SortFunc(all.models, func(a, b *store.Model) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range all.models {
		all.byID[m.ID] = m
	}
	o.seen.Store(all)
}

func (o *offers) list(deployment string) *offer { return o.seen.Load().lists[deployment] }

// find returns a model that has a folder here, an edition of one, or one that is
// offered. Where the list of a deployment has not come yet, or could not be had, it
// may have any.
func (r *Runtime) find(id string) (*store.Model, error) {
	m, err := r.store.Model(id)
	if err == nil || sdk.CodeOf(err) != sdk.CodeNotFound {
		return m, err
	}
	if m := r.edition(id); m != nil {
		return m, nil
	}
	seen := r.offers.seen.Load()
	if m, ok := seen.byID[id]; ok {
		return m, nil
	}
	deployment, name, _ := strings.Cut(id, "/")
	list := seen.lists[deployment]
	if isOfferName(name) && (list != nil && list.err != nil || list == nil && r.mayOffer(deployment)) {
		if m := r.offers.guest(deployment, name); m != nil {
			return m, nil
		}
	}
	return nil, err
}

// offerOf says what a model is that has no folder here.
func (r *Runtime) offerOf(m *store.Model) *Offer {
	deployment, _, _ := strings.Cut(m.ID, "/")
	list := r.offers.list(deployment)
	if m.Dir != "" || list == nil {
		return nil
	}
	return &Offer{Engine: deployment, Fetched: list.fetched, Stale: list.err != nil, Err: list.err}
}

// ValidModelID says whether an id can be that of a model: one with a folder, an edition
// of it, or one that a service offers, whose names have more characters.
func ValidModelID(id string) bool {
	deployment, name, _ := strings.Cut(id, "/")
	return store.ValidID(id) || isEditionID(id) || isEngineID(deployment) && isOfferName(name)
}

// isOfferName says whether a service's name of a model can stand in an id.
func isOfferName(name string) bool {
	return name != "" && len(name) <= 300 && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`\?#%"'<>`, r) }) &&
		!slices.Contains(strings.Split(name, "/"), "..")
}

// offeredModel is the model that a manifest of a service becomes.
func offeredModel(deployment string, m sdk.Manifest) *store.Model {
	name := m.ID
	m.ID = deployment + "/" + name
	m.Engine, m.Format, m.Sources, m.OwnedBy = deployment, "api", nil, cmp.Or(m.OwnedBy, deployment)
	return &store.Model{ID: m.ID, Ready: true, Manifest: store.Complete(m, store.Defaults{ID: m.ID, Name: name})}
}

// RefreshOffers asks a deployment's service for its models, and keeps the list that
// it had where that fails.
//
// Errors: [sdk.CodeNotFound] for no such deployment, [sdk.CodeUnsupported] for one
// that offers no models, and those of [sdk.Lister].
func (r *Runtime) RefreshOffers(ctx context.Context, id string) error {
	if _, err := r.Engine(id); err != nil {
		return err
	}
	r.heed(ctx, id)
	return r.refreshOffers(ctx, id)
}

// refreshOffers is RefreshOffers of a deployment that is there.
func (r *Runtime) refreshOffers(ctx context.Context, id string) error {
	done, err := r.offers.ask(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	return r.fetchOffers(ctx, id)
}

// fetchOffers is refreshOffers while nobody else asks.
func (r *Runtime) fetchOffers(ctx context.Context, id string) error {
	d, _ := r.written(id)
	if d = r.inForce(d); d.Err != nil {
		return d.Err
	}
	d, manifests, err := r.askOffers(ctx, d)
	if err != nil {
		r.keepOffers(d, err)
		return err
	}
	list := listOf(d, manifests, time.Now())
	r.offers.put(d.ID, list)
	r.events.emit(Event{Type: EventEngineModels, Engine: d.ID})
	r.log.Info("models of a service listed", "engine", d.ID, "models", len(list.models))
	r.saveOffers(d, list, manifests)
	return nil
}

// listOf is a deployment's list of those models that are to be listed.
func listOf(d Deployment, manifests []sdk.Manifest, fetched time.Time) *offer {
	list := &offer{settings: settingsKey(d), fetched: fetched}
	seen := map[string]bool{}
	for _, m := range manifests {
		if isOfferName(m.ID) && !seen[m.ID] && d.lists(m.ID) && len(list.models) < maxOffers {
			seen[m.ID] = true
			list.models = append(list.models, offeredModel(d.ID, m))
		}
	}
	return list
}

// keepOffers goes on with the list that there was, which is stale now.
func (r *Runtime) keepOffers(d Deployment, err error) {
	if sdk.CodeOf(err) == sdk.CodeUnsupported || sdk.CodeOf(err) == sdk.CodeCanceled {
		return
	}
	list := offer{settings: settingsKey(d)}
	if had := r.offers.list(d.ID); had != nil && had.settings == list.settings {
		list = *had
	}
	list.err = err
	r.offers.put(d.ID, &list)
	r.log.Warn("models of a service not listed", "engine", d.ID, "error", err)
}

// askOffers also returns the deployment that was asked: as it is in force.
func (r *Runtime) askOffers(ctx context.Context, d Deployment) (Deployment, []sdk.Manifest, error) {
	p, err := r.connect(ctx, d.ID, "(its list)")
	if err != nil {
		return d, nil, err
	}
	defer p.release()
	d = p.deployment
	if !slices.Contains(p.process.Description.Capabilities, sdk.CapabilityModels) {
		return d, nil, sdk.Errorf(sdk.CodeUnsupported, "The engine '%s' offers no models of its own: it loads those that have a file", d.ID)
	}
	manifests, err := p.process.Models(ctx)
	return d, manifests, d.concealed(err)
}

// lists says whether a service's model is to be listed.
func (d Deployment) lists(name string) bool {
	chosen, positive := false, false
	for _, pattern := range d.Offers {
		if out, not := strings.CutPrefix(pattern, "!"); not {
			if matches(out, name) {
				return false
			}
			continue
		}
		positive = true
		chosen = chosen || matches(pattern, name)
	}
	return chosen || !positive
}

// offeredOnly is the error of a change to a model that has no file to be changed.
func (r *Runtime) offeredOnly(id string) error {
	m, err := r.find(id)
	if err != nil || m.Dir != "" {
		return nil
	}
	return store.Conflict(`The model '%.200s' is one that the engine '%s' offers, and has no file here; make one with POST /v1/models {"id": "my-model", "engine": %q, "settings": {"model": %q}}, or leave it out by "models" in the engine's file`,
		m.ID, m.Manifest.Engine, m.Manifest.Engine, strings.TrimPrefix(m.ID, m.Manifest.Engine+"/"))
}
