package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/store"
)

func (e *examination) models() {
	for _, root := range e.config.roots() {
		if _, err := os.Stat(root.Dir); err != nil {
			e.warn("model folder", "make it, or take it out of model_dirs", "%s: %v", root.Dir, reason(err))
		}
	}
	dir := filepath.Join(e.config.home, "models")
	if _, err := os.Stat(dir); err != nil {
		e.ok("models", "none yet")
		return
	}
	if o, runs := serverOf(e.config.home); runs { // the folder is its own
		e.served(o)
		return
	}
	models, err := store.Open(store.Config{Dir: dir, Further: e.config.roots(), Log: hclog.NewNullLogger()})
	if err != nil {
		e.fail("models", "see whether "+dir+" can be read", "%v", err)
		return
	}
	defer models.Close()
	ready := 0
	for _, m := range models.Models() {
		switch {
		case m.Err != nil && m.File != "":
			e.fail("model "+m.ID, "mend "+m.File+"; to see what is wrong: enginebay validate "+m.File, "%v", m.Err)
		case m.Err != nil:
			e.fail("model "+m.ID, "look into "+m.Dir, "%v", m.Err)
		case !m.Manifest.Routed() && !e.engines[m.Manifest.Engine]:
			e.noEngine(m.ID, m.Manifest.Engine)
		case m.Ready:
			ready++
		}
		for _, t := range m.Manifest.Targets {
			if t.Engine != "" && !e.engines[t.Engine] {
				e.noEngine(m.ID, t.Engine)
			}
		}
		for _, warning := range m.Warnings {
			e.warn("model "+m.ID, "mend "+m.File, "%v", warning)
		}
	}
	e.ok("models", "%d in %s, %d of them ready", len(models.Models()), dir, ready)
}

// served asks the running server about the models.
func (e *examination) served(o owner) {
	client := e.config.client()
	client.base = "http://" + o.Addr
	var list modelList
	if err := client.get(e.cmd.Context(), "/v1/models", &list); err != nil {
		e.warn("models", "where the server wants a key: ENGINEBAY_API_KEY=KEY enginebay doctor", "the server does not list them: %v", err)
		return
	}
	ready := 0
	for _, m := range list.Data {
		switch {
		case m.Error != "" && m.State == "to_download":
			e.fail("model "+m.ID, e.mending(m), "%s", m.Error)
		case m.Error != "" && m.routed():
			e.warn("model "+m.ID, "enginebay edit "+m.ID, "%s", m.Error)
		case !e.engines[m.Engine]:
			e.noEngine(m.ID, m.Engine)
		case m.Error != "":
			e.warn("model "+m.ID, "try it again: enginebay start "+m.ID, "the last time: %s", m.Error)
		}
		if m.State == "ready" || m.State == "running" {
			ready++
		}
		for _, warning := range m.Warnings {
			e.warn("model "+m.ID, "enginebay edit "+m.ID, "%s", warning)
		}
	}
	e.ok("models", "%d at the server, %d of them ready", len(list.Data), ready)
}

// mending is what to do about a model that cannot be used.
func (e *examination) mending(m model) string {
	for _, source := range m.Sources {
		if strings.Contains(source.URL, "://") {
			return "download it again: enginebay pull " + m.ID
		}
	}
	return "mend its folder in " + filepath.Join(e.config.home, "models")
}

func (e *examination) noEngine(model, engine string) {
	e.fail("model "+model, "install its plugin, or name another one: enginebay edit "+model, "there is no engine %q", engine)
}
