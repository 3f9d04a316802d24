package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// routedFormat is the format of a routed model's weights; "api" where it needs none.
func (m *Model) routedFormat(l listing) string {
	if m.weightless(l) {
		return "api"
	}
	return cmp.Or(m.Manifest.Format, "gguf")
}

// weightless says whether a routed model needs no weights of its own: all its
// targets are other models, or neither its file nor its folder knows of any.
func (m *Model) weightless(l listing) bool {
	if !slices.ContainsFunc(m.Manifest.Targets, func(t sdk.Target) bool { return t.Engine != "" }) {
		return true
	}
	return m.Manifest.Format == "" && len(m.Manifest.Sources) == 0 && m.configured(l) == "" && len(l.weights()) == 0
}

// Edition is the model as another deployment loads it: with settings over those of
// its file, and under an id of its own. The engine goes on calling it by its name.
func (m *Model) Edition(id, engine string, settings map[string]any) *Model {
	v := &Model{ID: id, Manifest: m.Manifest, Dir: m.Dir, File: m.File, Files: m.Files, MMProj: m.MMProj, Header: m.Header,
		Linked: m.Linked, ReadOnly: m.ReadOnly, Ready: m.Ready, Missing: m.Missing, Err: m.Err, alias: m.alias, editionOf: m.ID}
	v.Manifest.ID, v.Manifest.Engine = id, engine
	v.Manifest.Targets, v.Manifest.Routing, v.Manifest.Timeout, v.Manifest.CoolDown = nil, "", "", ""
	v.Manifest.Settings = cloneMap(m.Manifest.Settings)
	maps.Copy(v.Manifest.Settings, settings)
	return v
}

// EditionOf is the id of the model that this one is an edition of; empty for what is
// none.
func (m *Model) EditionOf() string { return m.editionOf }

// TargetProblem is what is wrong with a target, counted from 0, at its place in the
// model's file.
func (m *Model) TargetProblem(i int, expected, got string) schemas.Problem {
	p := schemas.Problem{Pointer: fmt.Sprintf("/targets/%d", i)}
	if m.read != nil && i < len(m.read.places) {
		p = m.read.places[i]
	}
	p.Expected, p.Got = expected, got
	return p
}

// placesOf are where the targets stand in a file: their model's or engine's name.
func placesOf(doc *schemas.Document, targets []sdk.Target) []schemas.Problem {
	var places []schemas.Problem
	for i, t := range targets {
		pointer := fmt.Sprintf("/targets/%d/model", i)
		if t.Model == "" {
			pointer = fmt.Sprintf("/targets/%d/engine", i)
		}
		line, column := doc.Place(pointer)
		places = append(places, schemas.Problem{File: doc.Name, Line: line, Column: column, Pointer: pointer})
	}
	return places
}

// shownTargets are targets as the API shows them, without secrets.
func shownTargets(targets []sdk.Target) []sdk.Target {
	shown := slices.Clone(targets)
	for i, t := range shown {
		if t.Settings != nil {
			shown[i].Settings = Redacted(t.Settings)
		}
		if t.Extra != nil {
			shown[i].Extra = Redacted(t.Extra)
		}
	}
	return shown
}
