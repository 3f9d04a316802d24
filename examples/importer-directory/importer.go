package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// importer reads folders. Its methods are called concurrently, and Configure beside
// them: each configuration is a reader of its own, so that calls that are under way
// keep theirs.
type importer struct {
	reader atomic.Pointer[reader]
}

// reader reads the indexes of folders.
type reader struct {
	settings
	http *http.Client
}

// Configure implements sdk.Configurer.
func (i *importer) Configure(_ context.Context, c sdk.Configuration) error {
	s, err := read(c)
	if err != nil {
		return err
	}
	client, err := web.New(s.web(c.Secrets["token"]))
	if err != nil {
		return err
	}
	i.reader.Store(&reader{s, client})
	return nil
}

// Resolve implements sdk.Importer: one plan for each model of the folder, or the
// one that ref names. No weights are moved; the core does that.
func (i *importer) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	r := i.reader.Load()
	folder, name, err := r.parse(ref)
	if err != nil {
		return nil, err
	}
	models, err := r.models(ctx, folder)
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
	r := i.reader.Load()
	if r.Folder == "" {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "there is no folder to search; set folder in importers/directory.json")
	}
	models, err := r.models(ctx, r.Folder)
	if err != nil {
		return nil, err
	}
	var hits []sdk.Hit
	for _, m := range models {
		if sdk.HasWords(m.Name+" "+m.Description, words) && len(hits) < limit {
			hits = append(hits, sdk.Hit{Ref: sdk.Ref("dir://#" + m.Name), Name: m.Name, Description: m.Description})
		}
	}
	return hits, nil
}

// models reads the index of a folder.
func (r *reader) models(ctx context.Context, folder string) ([]model, error) {
	defer r.http.CloseIdleConnections()
	var index index
	catalogue := web.Catalogue{HTTP: r.http, Base: folder}
	if _, err := catalogue.JSON(ctx, "index.json", &index); err != nil {
		return nil, explain(folder, err)
	}
	return index.models(folder)
}
