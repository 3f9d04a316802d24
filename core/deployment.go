package core

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// A Deployment is an engine plugin with settings: the content of engines/ID.json.
type Deployment struct {
	pluginhost.Deployment
	Description string
	Parameters  map[string]any // defaults of requests, under those of the model
	Devices     []string       // GPUs that its processes see: "0", "cuda:1", "GPU-…", or "cpu" alone; empty is all
	Isolation   string         // IsolationShared or IsolationModel
	Limits      DeploymentLimits
	Prices      map[string]Price // of a million tokens, by patterns of model ids
	Offers      []string         // patterns of the service's own models that are listed; "!" in front leaves out. Empty is all
	File        string           // absolute path; empty for an implicit one
	Err         error            // why it cannot be used
}

// How a deployment's models share its plugin's processes.
const (
	IsolationShared = "shared" // one process for all
	IsolationModel  = "model"  // one for each
)

// DeploymentLimits bound what a deployment may take. Zero values are no bounds.
type DeploymentLimits struct {
	MaxLoaded   int            // models in memory at the same time
	Memory      uint64         // bytes of all its models, by the engine's estimates
	Concurrency int            // requests that are worked on at the same time, over all models
	Queue       int            // requests that wait for a model; 0 leaves it to the server
	PerMinute   int            // requests in a minute
	KeepAlive   *time.Duration // how long a model stays after its last request; below 0 is for ever, nil leaves it to the server
}

// A Price is that of a million tokens, in whatever money the operator counts.
type Price struct {
	Input  float64 `json:"input"`
	Output float64 `json:"output"`
}

// An Engine is a deployment and what its process does.
type Engine struct {
	Deployment
	Version string // of the plugin
	Process pluginhost.Status
	Models  []string // loaded now
	Refused error    // why what its file says is not in force: it goes on as before, or does not start

	Requests, Waiting int    // that its models work on, and that wait for them
	Memory            uint64 // bytes of its models
	Usage             Usage
}

// Engines returns every deployment: those with a file, and an implicit one for
// each engine plugin without.
func (r *Runtime) Engines() []Engine {
	at := map[string]*Engine{} // what each has to do
	for m := range r.EachLoadable {
		if m.State != StateRunning {
			continue
		}
		e := at[m.Deployment]
		if e == nil {
			e = &Engine{}
			at[m.Deployment] = e
		}
		e.Models = append(e.Models, m.ID)
		e.Requests, e.Waiting, e.Memory = e.Requests+m.Requests, e.Waiting+m.Waiting, e.Memory+m.Memory
	}
	var engines []Engine
	for _, d := range Deployments(r.deployments, r.host.Plugins(), r.log) {
		e := Engine{}
		if busy := at[d.ID]; busy != nil {
			e = *busy
		}
		if e.Refused = r.refusal(d.ID); e.Refused != nil {
			d.Plugin = r.inForce(d).Plugin // of a file that cannot be read none is known
		}
		e.Deployment, e.Process, e.Usage = d, r.host.Status(d.ID), r.usage(d.ID)
		e.Process.Err = r.concealed(d.ID, e.Process.Err)
		plugin, err := r.host.Plugin(d.Plugin)
		if e.Version = plugin.Version; d.Err == nil {
			e.Err = err
		}
		engines = append(engines, e)
	}
	return engines
}

// Deployment returns the deployment that a model's engine names, as its file says now.
// [sdk.CodeUnavailable]: there is neither a file nor a plugin of that name.
func (r *Runtime) Deployment(id string) (Deployment, error) {
	d, _ := r.written(id)
	if d.Err != nil {
		return Deployment{}, d.Err
	}
	return d, nil
}

// written is a deployment as its file says now; its Err is for people. fault is what is
// wrong with the file, where it is neither switched off nor gone.
func (r *Runtime) written(id string) (d Deployment, fault error) {
	d = named(id)
	if !isEngineID(id) {
		d.Err = sdk.Errorf(sdk.CodeInvalid, "%q is no engine name", id)
		return d, nil
	}
	d = r.unread(id).read(sdk.KindEngine, r.deploymentFile(id), r.log)
	if d.Err == nil {
		return r.withPlugin(d), nil
	}
	if _, err := os.Stat(d.File); !errors.Is(err, fs.ErrNotExist) {
		if !errors.Is(d.Err, ErrSwitchedOff) {
			fault = sdk.Errorf(sdk.CodeInvalid, "%s", Reason(d.Err))
		}
		d.Err = sdk.Errorf(sdk.CodeInvalid, "engine %s cannot be used: %v", id, d.Err)
		return d, fault
	}
	d = implicit(id)
	switch plugin, err := r.host.Plugin(id); {
	case err == nil && plugin.Is(sdk.KindEngine):
		d = r.withPlugin(d)
	case err == nil || sdk.CodeOf(err) == sdk.CodeNotFound:
		d.Err = sdk.Errorf(sdk.CodeUnavailable, "there is no engine %q; %s", id, r.installedEngines())
	default:
		d.Err = sdk.Errorf(sdk.CodeUnavailable, "there is no engine %q: %v", id, err)
	}
	return d, nil
}

// unread is a deployment before its file is read.
func (r *Runtime) unread(id string) Deployment {
	if isEnginePlugin(r.host, id) {
		return implicit(id)
	}
	return named(id)
}

// isEnginePlugin says whether an engine plugin has this name: an importer may have that
// of a service, too, as openai has.
func isEnginePlugin(host *pluginhost.Host, name string) bool {
	plugin, err := host.Plugin(name)
	return err == nil && plugin.Is(sdk.KindEngine)
}

// withPlugin is d with the folder of its plugin, so that another version is a change as
// others are, with the secrets that the plugin asks for, and the folders of linked weights.
func (r *Runtime) withPlugin(d Deployment) Deployment {
	if plugin, err := r.host.Plugin(d.Plugin); err == nil {
		d.Folder, d.Secrets = plugin.Folder, askedFor(plugin, d.Secrets)
		d.Folders = r.readable(d.ID)
	}
	return d
}

// engineOf is the deployment that loads a model: that which its engine names. A
// provider of a remote API was an engine of its own once, and llama.cpp had other
// names: a file of such a name, engines/groq.json, goes on being used.
func (r *Runtime) engineOf(m *store.Model) string {
	engine := m.Manifest.Engine
	names := store.OlderEngineNames(engine)
	if provider, _ := m.Manifest.Metadata["provider"].(string); len(names) > 0 && engine == "api" && isEngineID(provider) {
		if r.hasFile(provider) {
			return provider
		}
		return engine
	}
	if len(names) == 0 || r.hasFile(engine) {
		return engine
	}
	if i := slices.IndexFunc(names, r.hasFile); i >= 0 && engine != "api" {
		return names[i]
	}
	return engine
}

func (r *Runtime) hasFile(id string) bool {
	_, err := os.Stat(r.deploymentFile(id))
	return err == nil
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

// named is the deployment of a file that says nothing.
func named(id string) Deployment {
	d := implicit(id)
	d.Plugin = store.EngineName(id)
	return d
}

func implicit(plugin string) Deployment {
	return Deployment{Deployment: pluginhost.Deployment{ID: plugin, Plugin: plugin}, Isolation: IsolationShared}
}
