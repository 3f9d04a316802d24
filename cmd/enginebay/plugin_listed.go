package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/sdk"
)

// How the folder of a plugin came here.
const (
	originDev       = "dev"        // "plugin dev" builds it
	originDir       = "plugin_dir" // of --plugin-dir or plugin_dirs
	originInstalled = "installed"
	originDropped   = "dropped_in" // put into HOME/plugins by hand
	originBundled   = "bundled"    // beside the program
)

// listedPlugin is a plugin that counts, with what is installed under its name: as the
// API shows it, and where it came from.
type listedPlugin struct {
	Object       string            `json:"object"`
	Name         string            `json:"name"`
	FullName     string            `json:"full_name"`
	Version      string            `json:"version"`
	Description  string            `json:"description,omitempty"`
	Kinds        []sdk.Kind        `json:"kinds"`
	State        pluginhost.State  `json:"state"`
	Error        string            `json:"error,omitempty"`
	Variant      string            `json:"variant,omitempty"`
	Formats      []string          `json:"formats,omitempty"`
	Schemes      []string          `json:"schemes,omitempty"`
	Patterns     []string          `json:"patterns,omitempty"`
	Capabilities []string          `json:"capabilities,omitempty"`
	Dir          string            `json:"dir"`
	Origin       string            `json:"origin,omitempty"` // one of the origins; not of a server elsewhere
	Digest       string            `json:"digest,omitempty"`
	Installed    string            `json:"installed,omitempty"` // full name of what is installed, which may be another's
	Current      string            `json:"current,omitempty"`
	Previous     string            `json:"previous,omitempty"`
	Pinned       bool              `json:"pinned"`
	Constraint   string            `json:"constraint,omitempty"`
	Source       string            `json:"source,omitempty"` // of the installed one
	Versions     []install.Version `json:"versions,omitempty"`
}

// installed says whether the one that counts was installed as a package.
func (p listedPlugin) installed() bool { return p.Digest != "" }

// listedPlugins are those of this home, of the server that has it, or of one elsewhere.
func (c *config) listedPlugins(cmd *cobra.Command) (all []listedPlugin, err error) {
	if !c.serves() {
		return c.servedPlugins(cmd)
	}
	err = c.withWorkshop(cmd, func(w *workshop) error {
		all, err = w.listed()
		return err
	})
	return all, err
}

func (c *config) servedPlugins(cmd *cobra.Command) ([]listedPlugin, error) {
	var answer struct{ Data []listedPlugin }
	_, err := c.fetch(cmd, "/v1/plugins", false, &answer)
	return answer.Data, err
}

// listed are the plugins of this home. A running server knows folders of its own.
func (w *workshop) listed() (all []listedPlugin, err error) {
	_, runs := serverOf(w.config.home)
	if runs {
		all, err = w.config.servedPlugins(w.cmd)
	}
	if !runs || err != nil { // it may want a key, which nobody here needs
		all = w.found()
	}
	installed, err := w.Installed()
	if err != nil {
		return nil, err
	}
	developed := w.developed()
	for i := range all {
		p := &all[i]
		p.Origin = w.config.originOf(p.Dir, developed)
		if at := slices.IndexFunc(installed, func(in install.Plugin) bool { return short(in.Name) == p.Name }); at >= 0 {
			in := installed[at]
			p.Installed, p.Current, p.Previous, p.Pinned, p.Constraint, p.Source, p.Versions = in.Name, in.Current, in.Previous, in.Pinned, in.Constraint, in.Source, in.Versions
		}
	}
	return all, nil
}

func (w *workshop) found() (all []listedPlugin) {
	for _, p := range w.host.Plugins() {
		one := listedPlugin{Object: "plugin", Name: p.Name, FullName: p.Manifest.Name, Version: p.Version, Description: p.Description, Kinds: p.Kinds, State: p.State(),
			Variant: p.Variant, Formats: p.Formats, Schemes: p.Schemes, Patterns: p.Patterns, Capabilities: p.Capabilities, Dir: p.Dir, Digest: p.Digest}
		if p.Err != nil {
			one.Error = core.Reason(p.Err)
		}
		all = append(all, one)
	}
	return all
}

func (w *workshop) developed() (dirs []string) {
	for _, folder := range core.Developed(w.config.home) {
		dirs = append(dirs, folder.Dir)
	}
	return dirs
}
