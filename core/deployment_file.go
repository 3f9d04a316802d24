package core

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/secret"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// ErrSwitchedOff is the Err of a deployment whose file says that it is not used.
var ErrSwitchedOff = errors.New(`it is switched off ("enabled": false)`)

// Deployments returns those with a file in dir, and an implicit one for each engine
// plugin without, in the order of ids. Their Err says why a file cannot be used; the
// settings are for the plugin to judge.
func Deployments(dir string, plugins []pluginhost.Plugin, log hclog.Logger) []Deployment {
	byID := map[string]Deployment{}
	for _, p := range plugins {
		if p.Is(sdk.KindEngine) {
			byID[p.Name] = implicit(p.Name)
		}
	}
	return withFiles(sdk.KindEngine, byID, dir, log)
}

// ImporterFiles are the same of importers.
func ImporterFiles(dir string, plugins map[string]pluginhost.Plugin, log hclog.Logger) []Deployment {
	byID := map[string]Deployment{}
	for name := range plugins {
		byID[name] = implicit(name)
	}
	return withFiles(sdk.KindImporter, byID, dir, log)
}

// withFiles puts those of a folder's files in the place of implicit ones.
func withFiles(kind sdk.Kind, byID map[string]Deployment, dir string, log hclog.Logger) []Deployment {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("deployments not read", "error", err)
	}
	for _, file := range files {
		if id, ok := strings.CutSuffix(file.Name(), ".json"); ok && !strings.HasPrefix(id, ".") {
			d, installed := byID[id]
			if !installed {
				d = named(id)
			}
			byID[id] = d.read(kind, filepath.Join(dir, file.Name()), log)
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b Deployment) int { return cmp.Compare(a.ID, b.ID) })
}

// read returns what d, of an engine or an importer, becomes by a file.
func (d Deployment) read(kind sdk.Kind, file string, log hclog.Logger) Deployment {
	doc, err := store.ReadFile(file, filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file))
	if err != nil {
		d.Err = err
	} else {
		d = d.of(kind, doc, log)
	}
	d.File = file
	return d
}

// of is what d becomes by the content of a file engines/ID.json, or importers/ID.json.
func (d Deployment) of(kind sdk.Kind, doc *schemas.Document, log hclog.Logger) Deployment {
	if schemas.IsFlatDeployment(doc) {
		return d.flat(doc.Value)
	}
	var content struct {
		Engine, Importer string
		Description      string
		Settings         map[string]any
		Parameters       map[string]any
		Secrets, Env     map[string]string
		Enabled          *bool
		Devices, Models  []string
		Isolation        string
		Limits           limitsFile
		Sandbox          pluginhost.Sandbox
		Prices           map[string]Price
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
		log.Warn("deployment file", "warning", hint.Error())
	}
	if kind == sdk.KindImporter {
		d.Plugin = cmp.Or(content.Importer, d.Plugin)
	} else { // and nothing else: ChangeDeployment asks that plugin's schema what is guarded
		d.Plugin = cmp.Or(store.EngineName(content.Engine), d.Plugin)
	}
	d.Description, d.Settings, d.Parameters = content.Description, content.Settings, content.Parameters
	d.Secrets, d.Err = secrets(content.Secrets)
	if env, err := withDevices(content.Devices, content.Env); err != nil {
		d.Err = err
	} else {
		d.Env = env
	}
	d.Devices, d.Isolation, d.Prices, d.Offers = content.Devices, cmp.Or(content.Isolation, IsolationShared), content.Prices, content.Models
	d.Limits, d.Sandbox = content.Limits.read(), content.Sandbox
	if content.Enabled != nil && !*content.Enabled {
		d.Err = ErrSwitchedOff
	}
	return d
}

// flat reads the older form of a file: nothing but settings, an API key among them.
func (d Deployment) flat(values map[string]any) Deployment {
	d.Settings = maps.Clone(values)
	refs, shown := map[string]string{}, store.Redacted(values)
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		if shown[name] != store.Hidden {
			continue
		}
		delete(d.Settings, name)
		switch ref, _ := values[name].(string); {
		case secret.IsReference(ref):
			refs[name] = ref
		case ref != "":
			d.Err = fmt.Errorf(`%q is a secret that is written down; name it in its place, as in %q`, name, "env:MY_KEY")
		}
	}
	var err error
	if d.Secrets, err = secrets(refs); d.Err == nil {
		d.Err = err
	}
	return d
}

// limitsFile are limits as a file has them; the schema has checked their forms.
type limitsFile struct {
	KeepAlive   string `json:"keep_alive"`
	IdleUnload  string `json:"idle_unload"` // the older name
	MaxLoaded   int    `json:"max_loaded"`
	Memory      string `json:"memory"`
	Concurrency int    `json:"concurrency"`
	Queue       int    `json:"queue"`
	PerMinute   int    `json:"requests_per_minute"`
}

func (f limitsFile) read() DeploymentLimits {
	l := DeploymentLimits{MaxLoaded: f.MaxLoaded, Concurrency: f.Concurrency, Queue: f.Queue, PerMinute: f.PerMinute}
	l.Memory, _ = humanize.ParseBytes(f.Memory) // 0 where there is none
	if keep, err := ParseKeepAlive(cmp.Or(f.KeepAlive, f.IdleUnload)); err == nil {
		l.KeepAlive = &keep
	}
	return l
}

// secrets resolves references: env:NAME, file:PATH and keyring:SERVICE/NAME. What a
// reference gives goes to the plugin, and appears in no message.
func secrets(refs map[string]string) (map[string]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	resolved := map[string]string{}
	var absent []string
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		value, err := secret.Resolve(refs[name])
		if err != nil {
			absent = append(absent, fmt.Sprintf("secret %q: %v", name, err))
		}
		resolved[name] = value
	}
	if len(absent) > 0 {
		return nil, &SecretsError{strings.Join(absent, "; ")}
	}
	return resolved, nil
}

// A SecretsError is the Err of a deployment whose secrets are not all there.
type SecretsError struct{ why string }

func (e *SecretsError) Error() string { return e.why }

// askedFor are the secrets of a deployment's file, and of the others that its plugin
// asks for those that are there.
func askedFor(plugin pluginhost.Plugin, given map[string]string) map[string]string {
	all := maps.Clone(given)
	for name, asked := range plugin.Secrets {
		if _, there := all[name]; there {
			continue
		}
		if value, ok := secret.First(asked.From); ok {
			if all == nil {
				all = map[string]string{}
			}
			all[name] = value
		}
	}
	return all
}
