package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/sdk"
)

// offersTimeout bounds how long a service may take for its list, its plugin's start
// included.
const offersTimeout = time.Minute

// savedOffers is the list of a deployment as it is kept in cache/offers/ID.json.
type savedOffers struct {
	Settings string         `json:"settings"`
	Fetched  time.Time      `json:"fetched"`
	Models   []sdk.Manifest `json:"models"`
}

// followOffers keeps the lists of the services until ctx ends: it looks at them
// every minute, and when the deployments have changed.
func (r *Runtime) followOffers(ctx context.Context) {
	tried := map[string]time.Time{}
	for tick := time.NewTicker(time.Minute); ; {
		r.lookAtOffers(ctx, tried)
		select {
		case <-tick.C:
		case <-r.offers.look:
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// lookAtOffers asks those services whose list is old, all at once.
func (r *Runtime) lookAtOffers(ctx context.Context, tried map[string]time.Time) {
	there, lists := map[string]bool{}, r.offers.seen.Load().lists // before: a new one may come meanwhile
	for _, d := range r.offering() {
		there[d.ID] = true
		list := r.offers.list(d.ID)
		if list == nil || list.settings != settingsKey(d) {
			saved := r.savedOffers(d)
			delete(tried, d.ID)
			if !r.offers.replace(d.ID, list, saved) { // somebody has just asked
				r.wakeOffers()
				continue
			}
			list = saved
		}
		if list != nil && list.err == nil && time.Since(list.fetched) < offersLast || time.Since(tried[d.ID]) < offersRetry {
			continue
		}
		tried[d.ID] = time.Now()
		r.offers.refreshing.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, offersTimeout)
			defer cancel()
			done, err := r.offers.ask(ctx, d.ID)
			if err != nil {
				return
			}
			defer done()
			if r.offers.list(d.ID) == list { // else it has come meanwhile
				_ = r.fetchOffers(ctx, d.ID) // it is logged, and the list says so
			}
		})
	}
	for id, list := range lists {
		if !there[id] {
			r.offers.replace(id, list, nil)
		}
	}
}

// offering are the deployments, as they are in force, that may offer models: those with
// a file, whose plugin says that it can.
func (r *Runtime) offering() (all []Deployment) {
	plugins := r.host.Plugins()
	for _, d := range Deployments(r.deployments, plugins, r.log) {
		d = r.inForce(d)
		for _, p := range plugins {
			if p.Name == d.Plugin && p.Err == nil && d.File != "" && d.Err == nil && slices.Contains(p.Capabilities, sdk.CapabilityModels) {
				all = append(all, d)
			}
		}
	}
	return all
}

// mayOffer says whether a deployment is one of those.
func (r *Runtime) mayOffer(id string) bool {
	return isEngineID(id) && r.hasFile(id) && slices.ContainsFunc(r.offering(), func(d Deployment) bool { return d.ID == id })
}

// wakeOffers has the lists looked at: the deployments have changed.
func (r *Runtime) wakeOffers() {
	select {
	case r.offers.look <- struct{}{}:
	default: // somebody has said so already
	}
}

// settingsKey tells lists apart by what decides on them, secrets left out.
func settingsKey(d Deployment) string {
	text, _ := json.Marshal([]any{d.Plugin, d.Settings, d.Offers}) // of what came from JSON: it cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func (r *Runtime) offersFile(id string) string {
	return filepath.Join(r.cache, "offers", id+".json")
}

// savedOffers is the list that an earlier run had; nil where there is none for the
// deployment as it is now.
func (r *Runtime) savedOffers(d Deployment) *offer {
	text, err := os.ReadFile(r.offersFile(d.ID))
	if err != nil {
		return nil
	}
	var saved savedOffers
	if json.Unmarshal(text, &saved) != nil || saved.Settings != settingsKey(d) {
		return nil
	}
	return listOf(d, saved.Models, saved.Fetched)
}

func (r *Runtime) saveOffers(d Deployment, list *offer, models []sdk.Manifest) {
	text, err := json.Marshal(savedOffers{list.settings, list.fetched, models})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(r.offersFile(d.ID)), 0o700)
	}
	if err == nil {
		err = durable.Replace(r.offersFile(d.ID), text, 0o600)
	}
	if err != nil {
		r.log.Warn("list of a service not kept", "engine", d.ID, "error", err)
	}
}
