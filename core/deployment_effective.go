package core

import (
	"context"
	"errors"

	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
)

// A SecretState is what may be told of a secret: never itself.
type SecretState struct {
	Origin string // OriginEngine for one that the file names, OriginDefault for one that the plugin finds
	Err    error  // why it is not there; nil where it is
}

// EngineEffective is what every model of a deployment starts from.
type EngineEffective struct {
	Settings   map[string]Value // what only a person may change is hidden; nil where Err says why they cannot be told
	Parameters map[string]Value // defaults of a request
	Secrets    map[string]SecretState
	Err        error
}

// EffectiveEngine returns the settings of a deployment with their origins, and which
// of its secrets are there. The plugin may be started for a moment, once, to learn
// its defaults. [sdk.CodeNotFound]: there is no such engine.
func (r *Runtime) EffectiveEngine(ctx context.Context, id string) (EngineEffective, error) {
	if _, err := r.Engine(id); err != nil {
		return EngineEffective{}, err
	}
	r.heed(ctx, id) // a person who looks at it wants what the file says now
	e, err := r.Engine(id)
	if err != nil {
		return EngineEffective{}, err
	}
	content, err := r.content(id)
	effective := EngineEffective{Err: err, Secrets: r.secretStates(e.Deployment, content),
		Parameters: merged(layer{OriginEngine, e.Parameters}).redacted()}
	if err != nil {
		return effective, nil
	}
	schema, err := r.host.Schema(ctx, e.Plugin)
	if err != nil {
		effective.Err = err
		return effective, nil
	}
	effective.Settings = startsFrom(schema, e.Settings)
	return effective, nil
}

// startsFrom are the plugin's defaults and the file's settings over them.
func startsFrom(schema *schemas.Schema, settings map[string]any) layered {
	layers := []layer{{OriginEngine, settings}}
	if schema != nil {
		layers = append([]layer{{OriginDefault, schema.Defaults()}}, layers...)
	}
	all := merged(layers...).redacted()
	for name, value := range all {
		if value.Origin == OriginEngine && byHandOnly(schema, name) {
			all[name] = Value{store.Hidden, OriginEngine}
		}
	}
	return all
}

// secretStates are those of the secrets that a deployment's file names, and of the
// others that its plugin asks for those that are there.
func (r *Runtime) secretStates(d Deployment, content map[string]any) map[string]SecretState {
	states := map[string]SecretState{}
	if plugin, err := r.host.Plugin(d.Plugin); err == nil {
		for name := range askedFor(plugin, nil) {
			states[name] = SecretState{Origin: OriginDefault}
		}
	}
	refs, _ := content["secrets"].(map[string]any)
	for name, ref := range refs {
		text, _ := ref.(string)
		value, err := secret.Resolve(text)
		if err == nil && value == "" {
			err = errors.New("it is empty where " + text + " leads to")
		}
		states[name] = SecretState{OriginEngine, err}
	}
	return states
}
