package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/durable"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// An enginePlace is where the files of engines are: in this home, or at a server of
// another.
type enginePlace interface {
	// name is what people call the file of an engine.
	name(id string) string
	// read returns the file; nil where there is none.
	read(id string) ([]byte, error)
	// plugin is the one that a file is for, and the schema of its settings where that
	// can be told. The error is for a plugin that is not installed.
	plugin(id string, doc *schemas.Document) (string, *schemas.Schema, error)
	// check says whether the server could use the file, and what is odd.
	check(id string, text []byte) (warnings []string, err error)
	write(id string, text []byte) error
	close()
}

func (c *config) enginePlace(cmd *cobra.Command) (enginePlace, error) {
	if !c.serves() {
		return &farEngines{cmd.Context(), c.client()}, nil
	}
	host, done, err := c.pluginHost()
	if err != nil {
		return nil, err
	}
	return &ownEngines{cmd.Context(), c, host, done}, nil
}

// ownEngines are those of this home. Who may write here may change what the API
// does not let change: programs, addresses, where secrets are.
type ownEngines struct {
	ctx    context.Context // of the one command that it serves
	config *config
	host   *pluginhost.Host
	done   func()
}

func (o *ownEngines) close()                { o.done() }
func (o *ownEngines) name(id string) string { return o.config.engineFile(id) }

func (o *ownEngines) read(id string) ([]byte, error) {
	text, err := os.ReadFile(o.config.engineFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func (o *ownEngines) plugin(id string, doc *schemas.Document) (string, *schemas.Schema, error) {
	name := core.PluginOf(o.host, sdk.KindEngine, id, doc)
	schema, err := o.host.Schema(o.ctx, name)
	if sdk.CodeOf(err) == sdk.CodeNotFound {
		return name, nil, noEngine(name, o.host.Plugins())
	}
	return name, schema, err
}

// noEngine is the error of a plugin that is not there.
func noEngine(name string, installed []pluginhost.Plugin) error {
	var names []string
	for _, p := range installed {
		if p.Is(sdk.KindEngine) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return errors.New("no engine plugin is installed; enginebay doctor says where they are looked for")
	}
	return fmt.Errorf("there is no engine plugin %q; %s", name, meantOf(name, names, "name one with --engine: "))
}

func (o *ownEngines) check(id string, text []byte) (warnings []string, err error) {
	doc, err := schemas.Parse("engines/"+id+".json", text)
	if err != nil {
		return nil, err
	}
	wrong, odd := core.CheckDeployment(o.ctx, o.host, sdk.KindEngine, id, doc)
	for _, p := range odd {
		if p.Expected != "plain JSON" { // comments are welcome
			warnings = append(warnings, p.Error())
		}
	}
	if len(wrong) > 0 {
		return warnings, wrong
	}
	d, err := o.deployment(id, text)
	switch {
	case err != nil, errors.Is(d.Err, core.ErrSwitchedOff):
		return warnings, err
	case errors.As(d.Err, new(*core.SecretsError)): // the server may have what this shell has not
		return append(warnings, fmt.Sprintf("%v (so it is here; the server needs it)", d.Err)), nil
	case d.Err != nil:
		return warnings, d.Err
	}
	if len(d.Devices) > 0 {
		warnings = append(warnings, d.MissingDevices(system.Read(o.config.home).GPUs)...)
	}
	return warnings, o.host.Try(o.ctx, d.Deployment)
}

// deployment is what the server would read.
func (o *ownEngines) deployment(id string, text []byte) (core.Deployment, error) {
	temp, err := os.MkdirTemp("", "enginebay")
	if err != nil {
		return core.Deployment{}, err
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(filepath.Join(temp, id+".json"), text, 0o600); err != nil {
		return core.Deployment{}, err
	}
	all := core.Deployments(temp, o.host.Plugins(), hclog.NewNullLogger())
	return all[slices.IndexFunc(all, func(d core.Deployment) bool { return d.ID == id })], nil
}

func (o *ownEngines) write(id string, text []byte) error {
	file := o.config.engineFile(id)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := durable.Replace(file, text, 0o600); err != nil {
		return err
	}
	o.noticed(id)
	return nil
}

// noticed has the server, where one runs, look at a file now and not in a moment: the
// next command shall find it in force. What is wrong with it, "engine list" says.
func (o *ownEngines) noticed(id string) {
	if nobodyAt(o.config.Addr) {
		return
	}
	ctx, cancel := context.WithTimeout(o.ctx, engineTimeout)
	defer cancel()
	var answer struct{}
	_ = o.config.client().get(ctx, "/v1/engines/"+url.PathEscape(id)+"?effective=true", &answer)
}

// farEngines are those of a server of another home, or another machine.
type farEngines struct {
	ctx    context.Context // of the one command that it serves
	client client
}

func (f *farEngines) close()                {}
func (f *farEngines) name(id string) string { return f.client.base + enginePath(id) }

func (f *farEngines) read(id string) ([]byte, error) {
	data, err := f.client.call(f.ctx, http.MethodGet, enginePath(id), nil)
	file := gjson.GetBytes(data, "file")
	if hasStatus(err, http.StatusNotFound) || err == nil && !file.IsObject() {
		return nil, nil
	}
	return []byte(file.Raw), err
}

func (f *farEngines) plugin(id string, doc *schemas.Document) (string, *schemas.Schema, error) {
	name, _ := doc.Value["engine"].(string)
	var e engine
	if err := f.client.get(f.ctx, enginePath(id), &e); name == "" && err == nil {
		name = e.Plugin
	}
	name = store.EngineName(firstOf(name, id))
	var plugin struct{ Settings json.RawMessage }
	err := f.client.get(f.ctx, "/v1/plugins/"+url.PathEscape(name), &plugin)
	if hasStatus(err, http.StatusNotFound) {
		return name, nil, fmt.Errorf("%w; name one with --engine", err)
	}
	if err != nil || len(plugin.Settings) == 0 || string(plugin.Settings) == "null" {
		return name, nil, err
	}
	schema, err := schemas.Compile(plugin.Settings)
	return name, schema, err
}

// check leaves it to the server, which is asked by write.
func (f *farEngines) check(string, []byte) ([]string, error) { return nil, nil }

func (f *farEngines) write(id string, text []byte) error {
	doc, err := schemas.Parse("", text) // comments are not sent
	if err == nil {
		_, err = f.client.call(f.ctx, http.MethodPut, enginePath(id), doc.Value)
	}
	return err
}
