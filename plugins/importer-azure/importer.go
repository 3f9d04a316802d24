package main

import (
	"context"
	"sync/atomic"

	"github.com/enginebay/enginebay/sdk"
)

// importer reads the deployments of resources. Each configuration has an account of
// its own, so that calls that are under way keep theirs.
type importer struct {
	account atomic.Pointer[account]
}

// Configure implements sdk.Configurer.
func (i *importer) Configure(_ context.Context, c sdk.Configuration) error {
	s, err := read(c)
	if err != nil {
		return err
	}
	i.account.Store(&account{settings: s, key: c.Secrets["api_key"], entra: entra(s, c.Secrets)})
	return nil
}

// Resolve implements sdk.Importer: one plan for each deployment of the resource,
// or the one that ref names.
func (i *importer) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	a := i.account.Load()
	r, err := a.parse(ref)
	if err != nil {
		return nil, err
	}
	found, err := a.find(ctx, r)
	if err != nil {
		return nil, err
	}
	plans := make([]sdk.Plan, len(found))
	for n, d := range found {
		plans[n] = a.plan(r, d)
	}
	return plans, nil
}

// Search implements sdk.Searcher: deployments of the configured resource with all
// of the words in their name or model. Without one there is nothing to search.
func (i *importer) Search(ctx context.Context, words string, limit int) ([]sdk.Hit, error) {
	a := i.account.Load()
	if a.Endpoint == "" {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "Azure is searched in one resource; set endpoint in importers/azure.json, or AZURE_OPENAI_ENDPOINT")
	}
	r, err := a.parse("azure://")
	if err != nil {
		return nil, err
	}
	found, err := a.find(ctx, r)
	if err != nil {
		return nil, err
	}
	var hits []sdk.Hit
	for _, d := range found {
		if sdk.HasWords(d.ID+" "+d.Model, words) && len(hits) < limit {
			hits = append(hits, sdk.Hit{Ref: sdk.Ref("azure://" + r.name + "/" + d.ID), Name: d.ID, Description: d.Model + " at Azure"})
		}
	}
	return hits, nil
}
