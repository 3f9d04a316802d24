package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// importer reads the list of models of one account. Each configuration has one of
// its own, so that calls that are under way keep theirs.
type importer struct {
	account atomic.Pointer[account]
}

// account is who asks, and where.
type account struct {
	settings
	catalogue *web.Catalogue
	keyed     bool
}

// Configure implements sdk.Configurer.
func (i *importer) Configure(_ context.Context, c sdk.Configuration) error {
	s, err := read(c)
	if err != nil {
		return err
	}
	key := c.Secrets["api_key"]
	catalogue, err := s.catalogue(key)
	if err != nil {
		return err
	}
	i.account.Store(&account{settings: s, catalogue: catalogue, keyed: key != ""})
	return nil
}

// Resolve implements sdk.Importer: one plan for each model of the account, or
// the one that ref names.
func (i *importer) Resolve(ctx context.Context, ref sdk.Ref) ([]sdk.Plan, error) {
	a := i.account.Load()
	name, err := a.parse(ref)
	if err != nil {
		return nil, err
	}
	models, err := a.models(ctx)
	if err != nil {
		return nil, err
	}
	if name != "" {
		return a.one(models, name)
	}
	if len(models) == 0 {
		return nil, sdk.Errorf(sdk.CodeNotFound, "%s lists no models for this key; look at the rights of the key", a.Provider)
	}
	plans := make([]sdk.Plan, len(models))
	for n, m := range models {
		plans[n] = a.plan(m)
	}
	return plans, nil
}

func (s settings) one(models []model, name string) ([]sdk.Plan, error) {
	for _, m := range models {
		if m.ID == name {
			return []sdk.Plan{s.plan(m)}, nil
		}
	}
	known := make([]string, len(models))
	for n, m := range models {
		known[n] = m.ID
	}
	hint := "'enginebay search --importer openai WORDS' finds those that it has"
	if near := sdk.Near(name, known); len(near) > 0 {
		hint = "it has " + strings.Join(near, ", ")
	}
	return nil, sdk.Errorf(sdk.CodeNotFound, "%s has no model '%s' for this key; %s", s.Provider, name, hint)
}

// Search implements sdk.Searcher: models with all of the words in their name or
// owner. Without a key OpenAI is not asked: whoever searches everywhere has no
// account there, and no fault.
func (i *importer) Search(ctx context.Context, words string, limit int) ([]sdk.Hit, error) {
	a := i.account.Load()
	if !a.keyed && a.BaseURL == openAI {
		return nil, sdk.Errorf(sdk.CodeUnsupported, "OpenAI is searched with a key only; set OPENAI_API_KEY for the server")
	}
	models, err := a.models(ctx)
	if err != nil {
		return nil, err
	}
	var hits []sdk.Hit
	for _, m := range models {
		if sdk.HasWords(m.ID+" "+m.OwnedBy, words) && len(hits) < limit {
			hits = append(hits, sdk.Hit{Ref: sdk.Ref("openai://" + m.ID), Name: m.ID, Description: describe(a.Provider, m)})
		}
	}
	return hits, nil
}

func describe(provider string, m model) string {
	if kind := sdk.ModelType(m.ID); kind != "" {
		return kind + " model at " + provider
	}
	return "model at " + provider
}

// models are those of the account that could be told apart, chat models first,
// then the newest.
func (a *account) models(ctx context.Context) ([]model, error) {
	defer a.catalogue.HTTP.CloseIdleConnections()
	var list struct {
		Data []model `json:"data"`
	}
	if _, err := a.catalogue.JSON(ctx, "models", &list); err != nil {
		return nil, a.explain(err)
	}
	models := slices.DeleteFunc(list.Data, func(m model) bool { return !names.MatchString(m.ID) })
	slices.SortFunc(models, func(a, b model) int {
		return cmp.Or(rank(a)-rank(b), -cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
	})
	models = slices.CompactFunc(models, func(a, b model) bool { return a.ID == b.ID })
	return distinct(models), nil
}

// explain says what the user can do about a refusal. What the provider says of a
// key is left out, for it repeats parts of it.
func (s settings) explain(err error) error {
	var status *web.StatusError
	if !errors.As(err, &status) {
		return err
	}
	switch status.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return sdk.Errorf(sdk.CodeUnauthorized, "%s answers %d: it wants a valid API key; set OPENAI_API_KEY for the server, or name the key in importers/openai.json, as {\"secrets\": {\"api_key\": \"env:NAME\"}}", s.BaseURL, status.Status)
	case http.StatusNotFound:
		return sdk.Errorf(sdk.CodeInvalid, "%s has no list of models; base_url in importers/openai.json must be like https://api.openai.com/v1", s.BaseURL)
	}
	return fmt.Errorf("list the models of %s: %w", s.Provider, err)
}
