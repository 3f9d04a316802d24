package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/sdk"
)

// engineTimeout is for an engine to start, for which the plugin host gives it 20 s,
// or for its program to say what it is, which may wake up GPUs.
const engineTimeout = 30 * time.Second

// plugins starts each of them as the server would, in a temporary folder: what
// runs is left alone.
func (e *examination) plugins() {
	host, done, err := e.config.pluginHost()
	if err != nil {
		e.fail("plugins", "see whether there is room", "%v", err)
		return
	}
	defer done()
	e.installed(host)
	e.importers(host.Plugins())
	whole := slices.DeleteFunc(host.Plugins(), func(p pluginhost.Plugin) bool { return p.Err != nil })
	for _, d := range core.Deployments(filepath.Join(e.config.home, "engines"), whole, hclog.NewNullLogger()) {
		e.engines[d.ID] = true
		e.engine(host, d)
	}
}

func (e *examination) installed(host *pluginhost.Host) {
	found := host.Plugins()
	if len(found) == 0 {
		e.fail("plugins", "put the folder of one into "+filepath.Join(e.config.home, "plugins")+", or beside the program", "no plugin is installed, so that no model can be loaded")
	}
	for _, p := range found {
		switch p.State() {
		case pluginhost.Broken:
			e.fail("plugin "+p.Name, "install it again, or remove "+p.Dir, "%v", p.Err)
			continue
		case pluginhost.NotCompatible:
			e.fail("plugin "+p.Name, "install one that fits, or remove "+p.Dir, "%v", p.Err)
			continue
		}
		e.ok("plugin "+p.Name, "version %s in %s", p.Version, p.Dir)
	}
}

func (e *examination) engine(host *pluginhost.Host, d core.Deployment) {
	name := "engine " + d.ID
	advice := "mend " + d.File
	if errors.Is(d.Err, core.ErrSwitchedOff) {
		e.ok(name, "%v", d.Err)
		return
	}
	refused := e.refused(host, d)
	if refused != nil {
		e.fail(name, advice, "%v", refused)
	}
	switch {
	case errors.As(d.Err, new(*core.SecretsError)):
		e.fail(name, "set it where the server starts too, or name another place: "+e.config.inHome("enginebay engine set "+d.ID+" secrets.NAME=env:VARIABLE"), "%v", d.Err)
	case d.Err != nil && refused == nil:
		e.fail(name, advice, "%v", d.Err)
	}
	if d.Err != nil || refused != nil {
		return
	}
	e.unconfined(name, d)
	ctx, cancel := context.WithTimeout(e.cmd.Context(), engineTimeout)
	defer cancel()
	process, err := host.Connect(ctx, d.Deployment)
	switch {
	case err != nil && d.File != "":
		e.fail(name, advice, "%s", full(err))
		return
	case err != nil:
		e.fail(name, "install its plugin again", "%s", full(err))
		return
	}
	e.ok(name, "plugin %s %s starts and takes its settings", d.Plugin, process.Description.Version)
	if process.Schema != nil && process.Schema.Knows("", "llama_server") {
		e.llamaServer(host, d)
	}
}

// refused says what is wrong in a deployment's file, with places; nil where nothing is.
func (e *examination) refused(host *pluginhost.Host, d core.Deployment) error {
	if d.File == "" {
		return nil
	}
	doc, err := store.ReadFile(d.File, "engines/"+d.ID+".json")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.cmd.Context(), engineTimeout)
	defer cancel()
	wrong, odd := core.CheckDeployment(ctx, host, sdk.KindEngine, d.ID, doc)
	for _, p := range odd {
		if p.Pointer != "/engine" { // which is no warning here
			e.warn("engine "+d.ID, "mend "+d.File, "%v", p)
		}
	}
	return wrong.Err()
}

// full is an error with its cause, which an [sdk.Error] keeps for the log.
func full(err error) string {
	var coded *sdk.Error
	if errors.As(err, &coded) && coded.Cause != nil {
		return coded.Message + ": " + coded.Cause.Error()
	}
	return err.Error()
}
