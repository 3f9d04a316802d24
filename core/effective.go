package core

import (
	"context"
	"maps"

	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
)

// The layers that a value comes from, in rising order.
const (
	OriginDefault = "default" // the plugin's schema
	OriginEngine  = "engine"  // engines/ID.json
	OriginModel   = "model"   // the model file
	OriginRequest = "request" // the start request
)

// A Value is one that is in force, and the layer that it comes from.
type Value struct {
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// Effective is what a model runs with, or would run with: what the API may show of
// it, see [Status].Settings.
type Effective struct {
	Settings   map[string]Value // nil where Err says why they cannot be told
	Parameters map[string]Value // defaults of a request
	Err        error            // why the model could not be loaded with them
}

// layer is what one place says.
type layer struct {
	origin string
	values map[string]any
}

// Effective returns the settings and parameters of a model with their origins:
// those that it runs with, where it is loaded. Else nothing is loaded, but the
// engine's plugin may be started for a moment, once, to learn its defaults.
// [sdk.CodeNotFound]: there is no such model.
func (r *Runtime) Effective(ctx context.Context, id string) (Effective, error) {
	m, err := r.store.Model(id)
	if err != nil {
		return Effective{}, err
	}
	if in := r.running(m.ID); in != nil {
		d := in.plan.deployment
		return Effective{Parameters: parametersFrom(d, m),
			Settings: settingsFrom(in.plan.process.Schema, d, layer{OriginModel, in.from.Manifest.Settings}, layer{OriginRequest, in.settings})}, nil
	}
	d, err := r.Deployment(m.Manifest.Engine)
	if err != nil {
		return Effective{Parameters: parametersFrom(Deployment{}, m), Err: err}, nil
	}
	e := Effective{Parameters: parametersFrom(d, m)}
	schema, err := r.host.Schema(ctx, d.Plugin)
	if err != nil {
		e.Err = err
		return e, nil
	}
	e.Settings = settingsFrom(schema, d, layer{OriginModel, m.Manifest.Settings})
	_, e.Err = effective(schema, belowModel(schema, d), m, nil)
	return e, nil
}

// running is a model in memory; nil where it is not.
func (r *Runtime) running(id string) *loaded {
	res := r.resident(id)
	if res == nil {
		return nil
	}
	res.mu.Lock()
	defer res.mu.Unlock()
	return res.loaded
}

// belowModel are the settings without those of a model.
func belowModel(schema *schemas.Schema, d Deployment) map[string]any {
	settings := map[string]any{}
	if schema != nil {
		settings = schema.Defaults()
	}
	maps.Copy(settings, d.Settings)
	return settings
}

func settingsFrom(schema *schemas.Schema, d Deployment, above ...layer) map[string]Value {
	layers := []layer{{OriginEngine, d.Settings}}
	if schema != nil {
		layers = []layer{{OriginDefault, schema.Defaults()}, {OriginEngine, d.Settings}}
	}
	settings := merged(append(layers, above...)...)
	maps.DeleteFunc(settings, func(name string, _ Value) bool { return !visible(schema, name) })
	return settings
}

// parametersFrom are defaults of a request; see [loaded.parametersOf].
func parametersFrom(d Deployment, m *store.Model) map[string]Value {
	parameters := merged(layer{OriginEngine, d.Parameters}, layer{OriginModel, m.Manifest.Parameters})
	delete(parameters, "stream")
	delete(parameters, "stream_options")
	return parameters
}

func merged(layers ...layer) map[string]Value {
	all := map[string]Value{}
	for _, l := range layers {
		for name, value := range store.Redacted(l.values) {
			all[name] = Value{value, l.origin}
		}
	}
	return all
}

// visible says whether the API shows a setting: one that the engine knows, and
// that names no program, address or secret.
func visible(schema *schemas.Schema, name string) bool {
	return schema == nil || schema.Knows("", name) && !byHandOnly(schema, name)
}
