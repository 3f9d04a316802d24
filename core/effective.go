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

// layered are values with the layers that they come from.
type layered map[string]Value

func merged(layers ...layer) layered {
	all := layered{}
	for _, l := range layers {
		for name, value := range l.values {
			all[name] = Value{value, l.origin}
		}
	}
	return all
}

// plain are the values alone.
func (l layered) plain() map[string]any {
	values := make(map[string]any, len(l))
	for name, value := range l {
		values[name] = value.Value
	}
	return values
}

// redacted are the values without secrets.
func (l layered) redacted() layered {
	all := layered{}
	for name, value := range store.Redacted(l.plain()) {
		all[name] = Value{value, l[name].Origin}
	}
	return all
}

// visible are the settings that the API shows: those that the engine knows, and
// none that names a program, an address or a secret.
func (l layered) visible(schema *schemas.Schema) layered {
	settings := l.redacted()
	if schema != nil {
		maps.DeleteFunc(settings, func(name string, _ Value) bool {
			return byHandOnly(schema, name) || !schema.Knows("", name)
		})
	}
	return settings
}

// Effective returns the settings and parameters of a model with their origins:
// those that it runs with, where it is loaded. Else nothing is loaded, but the
// engine's plugin may be started for a moment, once, to learn its defaults.
// [sdk.CodeNotFound]: there is no such model.
func (r *Runtime) Effective(ctx context.Context, id string) (Effective, error) {
	m, err := r.find(id)
	if err != nil {
		return Effective{}, err
	}
	if m.Manifest.Routed() { // each target has its own
		own := layer{OriginModel, m.Manifest.Parameters}
		return Effective{Settings: merged(layer{OriginModel, m.Manifest.Settings}).redacted(), Parameters: requestDefaults(own).redacted()}, nil
	}
	if in := r.running(m.ID); in != nil {
		return Effective{Settings: in.plan.visible(), Parameters: parameters(*in.quota.deployment(), m).redacted()}, nil
	}
	d, err := r.Deployment(r.engineOf(m))
	e := Effective{Parameters: parameters(d, m).redacted(), Err: err}
	if err != nil {
		return e, nil
	}
	schema, err := r.host.Schema(ctx, d.Plugin)
	if err != nil {
		e.Err = err
		return e, nil
	}
	settings, err := effective(schema, d, m, nil)
	e.Settings, e.Err = settings.visible(schema), err
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

// parameters are the defaults of a request: the deployment's, under those that the
// model's file has now. Whether an answer streams, a client's library must know
// before it asks: no file decides upon that.
func parameters(d Deployment, m *store.Model) layered {
	return requestDefaults(layer{OriginEngine, d.Parameters}, layer{OriginModel, m.Manifest.Parameters})
}

func requestDefaults(layers ...layer) layered {
	all := merged(layers...)
	delete(all, "stream")
	delete(all, "stream_options")
	return all
}
