package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// importer reads folders. Its methods are called concurrently, and Configure
// beside them.
type importer struct {
	mu sync.RWMutex
	settings
	client *http.Client
}

// Configure implements sdk.Configurer.
func (i *importer) Configure(_ context.Context, c sdk.Configuration) error {
	s, err := read(c.Settings)
	if err != nil {
		return err
	}
	client, err := web.New(s.web(c.Secrets["token"]))
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.settings, i.client = s, client
	return nil
}

// Resolve implements sdk.Importer: one plan for each model of the folder, or the
// one that ref names. No weights are moved; the core does that.
func (i *importer) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	folder, name, err := i.current().parse(ref)
	if err != nil {
		return nil, err
	}
	models, err := i.models(ctx, folder)
	if err != nil {
		return nil, err
	}
	var plans []sdk.Plan
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
		if name == "" || name == m.Name {
			plans = append(plans, m.plan(folder))
		}
	}
	if len(plans) == 0 {
		return nil, sdk.Errorf(sdk.CodeNotFound, "%s has no model '%s'; it has %s", folder, name, strings.Join(sdk.Near(name, names), ", "))
	}
	return plans, nil
}

// Search implements sdk.Searcher; an importer without this method does not search.
// One that cannot as it is set up says [sdk.CodeUnsupported], and is left out of
// searches everywhere.
func (i *importer) Search(ctx context.Context, words string, limit int) ([]sdk.Hit, error) {
	folder := i.current().Folder
	if folder == "" {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "there is no folder to search; set folder in importers/directory.json")
	}
	models, err := i.models(ctx, folder)
	if err != nil {
		return nil, err
	}
	var hits []sdk.Hit
	for _, m := range models {
		text := strings.ToLower(m.Name + " " + m.Description)
		missing := func(word string) bool { return !strings.Contains(text, word) }
		if !slices.ContainsFunc(strings.Fields(strings.ToLower(words)), missing) && len(hits) < limit {
			hits = append(hits, sdk.Hit{Ref: sdk.Ref("dir://#" + m.Name), Name: m.Name, Description: m.Description})
		}
	}
	return hits, nil
}

func (i *importer) current() settings {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.settings
}

// models reads the index of a folder.
func (i *importer) models(ctx context.Context, folder string) ([]model, error) {
	i.mu.RLock()
	client := i.client
	i.mu.RUnlock()
	if client == nil {
		return nil, sdk.Errorf(sdk.CodeUnavailable, "the importer is not configured yet")
	}
	defer client.CloseIdleConnections()
	var index index
	catalogue := web.Catalogue{HTTP: client, Base: folder}
	if _, err := catalogue.JSON(ctx, "index.json", &index); err != nil {
		return nil, explain(folder, err)
	}
	return index.models(folder)
}
