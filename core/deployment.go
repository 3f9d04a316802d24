package core

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
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
	byID := map[string]Deployment{}
	for _, p := range r.host.Plugins() {
		if p.Is(sdk.KindEngine) {
			byID[p.Name] = implicit(p.Name)
		}
	}
	files, err := os.ReadDir(r.deployments)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("deployments not read", "error", err)
	}
	for _, file := range files {
		if id, ok := strings.CutSuffix(file.Name(), ".json"); ok && !strings.HasPrefix(id, ".") {
			byID[id] = r.readDeployment(filepath.Join(r.deployments, file.Name()))
		}
	}
	loaded := map[string][]string{}
	for _, m := range r.Models() {
		if m.State == StateRunning {
			loaded[m.Deployment] = append(loaded[m.Deployment], m.ID)
		}
	}
	var engines []Engine
	for id, d := range byID {
		e := Engine{Deployment: d, Process: r.host.Status(id), Models: loaded[id]}
		plugin, err := r.host.Plugin(d.Plugin)
		if e.Version = plugin.Version; d.Err == nil {
			e.Err = err
		}
		engines = append(engines, e)
	}
	slices.SortFunc(engines, func(a, b Engine) int { return cmp.Compare(a.ID, b.ID) })
	return engines
}

// Deployment returns the deployment that a model's engine names.
// [sdk.CodeUnavailable]: there is neither a file nor a plugin of that name.
func (r *Runtime) Deployment(id string) (Deployment, error) {
	if !isEngineID(id) {
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, "%q is no engine name", id)
	}
	d := r.readDeployment(filepath.Join(r.deployments, id+".json"))
	if d.Err == nil {
		return d, nil
	}
	if _, err := os.Stat(d.File); !errors.Is(err, fs.ErrNotExist) {
		return Deployment{}, sdk.Errorf(sdk.CodeInvalid, "engine %s cannot be used: %v", id, d.Err)
	}
	if _, err := r.host.Plugin(id); err != nil {
		return Deployment{}, sdk.Errorf(sdk.CodeUnavailable, "there is no engine %q: %v", id, err)
	}
	return implicit(id), nil
}

func implicit(plugin string) Deployment {
	return Deployment{Deployment: pluginhost.Deployment{ID: plugin, Plugin: plugin}}
}

func (r *Runtime) readDeployment(file string) Deployment {
	id := strings.TrimSuffix(filepath.Base(file), ".json")
	d := implicit(id)
	doc, err := store.ReadFile(file, "engines/"+filepath.Base(file))
	if err != nil {
		d.Err = err
	} else {
		d = r.deploymentOf(id, doc)
	}
	d.File = file
	return d
}

// deploymentOf is what the content of a file engines/ID.json says.
func (r *Runtime) deploymentOf(id string, doc *schemas.Document) Deployment {
	d := implicit(id)
	if schemas.IsFlatDeployment(doc) { // the older form: nothing but settings
		d.Settings = doc.Value
		return d
	}
	var content struct {
		Engine, Description string
		Settings            map[string]any
		Parameters          map[string]any
		Secrets, Env        map[string]string
		Enabled             *bool
		Limits              struct {
			KeepAlive  string `json:"keep_alive"`
			IdleUnload string `json:"idle_unload"` // the older name
		}
	}
	err := doc.Validate(schemas.Deployment()).Err()
	if err == nil {
		err = doc.Decode(&content)
	}
	if err != nil {
		d.Err = err
		return d
	}
	for _, hint := range append(doc.Warnings, doc.Hints(schemas.Deployment())...) {
		r.log.Warn("deployment file", "warning", hint.Error())
	}
	if content.Engine != "" {
		d.Plugin = content.Engine
	}
	d.Description, d.Settings, d.Parameters, d.Env = content.Description, content.Settings, content.Parameters, content.Env
	d.Secrets, d.Err = secrets(content.Secrets)
	if keep, err := ParseKeepAlive(cmp.Or(content.Limits.KeepAlive, content.Limits.IdleUnload)); err == nil { // the schema has checked the form
		d.KeepAlive = &keep
	}
	if content.Enabled != nil && !*content.Enabled {
		d.Err = ErrSwitchedOff
	}
	return d
}

// secrets resolves references: env:NAME and file:PATH. What a reference gives
// goes to the plugin, and appears in no message.
func secrets(refs map[string]string) (map[string]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	resolved := map[string]string{}
	for name, ref := range refs {
		scheme, rest, _ := strings.Cut(ref, ":")
		switch scheme {
		case "env":
			value, ok := os.LookupEnv(rest)
			if !ok {
				return nil, fmt.Errorf("secret %q: the environment variable %s is not set", name, rest)
			}
			resolved[name] = value
		case "file":
			data, err := os.ReadFile(homePath(rest))
			if err != nil {
				return nil, fmt.Errorf("secret %q: its file cannot be read", name)
			}
			resolved[name] = strings.TrimSpace(string(data))
		default:
			return nil, fmt.Errorf("secret %q: %s references are not supported; use env:NAME or file:PATH", name, scheme)
		}
	}
	return resolved, nil
}

// homePath puts the user's home in the place of a leading ~.
func homePath(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	home, err := os.UserHomeDir()
	if !ok || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}
