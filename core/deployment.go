package core

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// A Deployment is an engine plugin with settings: the content of engines/ID.json.
type Deployment struct {
	pluginhost.Deployment
	Description string
	Parameters  map[string]any // defaults of requests, under those of the model
	KeepAlive   *time.Duration // how long a model stays after its last request; below 0 is for ever, nil leaves it to the server
	File        string         // absolute path; empty for an implicit one
	Err         error          // why it cannot be used
}

// An Engine is a deployment and what its process does.
type Engine struct {
	Deployment
	Version string // of the plugin
	Process pluginhost.Status
	Models  []string // loaded now
}

// Engines returns every deployment: those with a file, and an implicit one for
// each engine plugin without.
func (r *Runtime) Engines() []Engine {
	loaded := map[string][]string{}
	for _, m := range r.Models() {
		if m.State == StateRunning {
			loaded[m.Deployment] = append(loaded[m.Deployment], m.ID)
		}
	}
	var engines []Engine
	for _, d := range Deployments(r.deployments, r.host.Plugins(), r.log) {
		e := Engine{Deployment: d, Process: r.host.Status(d.ID), Models: loaded[d.ID]}
		plugin, err := r.host.Plugin(d.Plugin)
		if e.Version = plugin.Version; d.Err == nil {
			e.Err = err
		}
		engines = append(engines, e)
	}
	return engines
}

// Deployment returns the deployment that a model's engine names.
// [sdk.CodeUnavailable]: there is neither a file nor a plugin of that name.
func (r *Runtime) Deployment(id string) (Deployment, error) {
	if !isEngineID(id) {
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, "%q is no engine name", id)
	}
	d := readDeployment(r.deploymentFile(id), r.log)
	if d.Err == nil {
		return d, nil
	}
	if _, err := os.Stat(d.File); !errors.Is(err, fs.ErrNotExist) {
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, "engine %s cannot be used: %v", id, d.Err)
	}
	switch _, err := r.host.Plugin(id); {
	case err != nil && sdk.CodeOf(err) == sdk.CodeNotFound:
		return Deployment{}, sdk.Errorf(sdk.CodeUnavailable, "there is no engine %q; %s", id, r.installedEngines())
	case err != nil:
		return Deployment{}, sdk.Errorf(sdk.CodeUnavailable, "there is no engine %q: %v", id, err)
	}
	return implicit(id), nil
}

func (r *Runtime) installedEngines() string {
	var names []string
	for _, p := range r.host.Plugins() {
		if p.Is(sdk.KindEngine) {
			names = append(names, p.Name)
		}
	}
	return installedAre(names)
}

func implicit(plugin string) Deployment {
	return Deployment{Deployment: pluginhost.Deployment{ID: plugin, Plugin: plugin}}
}
