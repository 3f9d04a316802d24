package api

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/install"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// pluginInfo is a plugin as the API shows it.
type pluginInfo struct {
	Object       string           `json:"object"`
	Name         string           `json:"name"`
	FullName     string           `json:"full_name"`
	Version      string           `json:"version"`
	Description  string           `json:"description,omitempty"`
	Kinds        []sdk.Kind       `json:"kinds"`
	State        pluginhost.State `json:"state"`
	Error        string           `json:"error,omitempty"`
	Variant      string           `json:"variant,omitempty"`
	Formats      []string         `json:"formats,omitempty"`
	Schemes      []string         `json:"schemes,omitempty"`
	Patterns     []string         `json:"patterns,omitempty"`
	Capabilities []string         `json:"capabilities,omitempty"`
	Dir          string           `json:"dir"`
	Digest       string           `json:"digest,omitempty"` // of an installed package
	*pluginHeld
}

// pluginHeld is what is known of a plugin that was installed as a package, though
// another of its name may go before it.
type pluginHeld struct {
	Current    string          `json:"current"`
	Previous   string          `json:"previous,omitempty"`
	Pinned     bool            `json:"pinned"`
	Constraint string          `json:"constraint,omitempty"`
	Source     string          `json:"source"`
	Refused    *refusedVersion `json:"refused,omitempty"` // the newest that did not come up
	Versions   []heldVersion   `json:"versions"`          // newest first
}

// heldVersion is one of its versions.
type heldVersion struct {
	Version   string    `json:"version"`
	Variant   string    `json:"variant"`
	Digest    string    `json:"digest"`
	Source    string    `json:"source"`
	Key       string    `json:"key,omitempty"` // that signed it
	Size      int64     `json:"size"`
	Installed time.Time `json:"installed"`
	Current   bool      `json:"current"`
	Previous  bool      `json:"previous"`
	Refused   string    `json:"refused,omitempty"`
}

type refusedVersion struct {
	Version string `json:"version"`
	Digest  string `json:"digest"`
	Reason  string `json:"reason"`
}

// listPlugins answers GET /v1/plugins.
func (s *Server) listPlugins(c *fiber.Ctx) error {
	list := []pluginInfo{}
	installed := s.installed()
	for _, p := range s.runtime.Plugins() {
		list = append(list, pluginInfoOf(p, installed))
	}
	return c.JSON(fiber.Map{"object": "list", "data": list})
}

// installed are the installed packages by full name. Where that cannot be read, what
// runs is shown without.
func (s *Server) installed() map[string]install.Plugin {
	all, err := s.runtime.Installer().Installed()
	if err != nil {
		s.log.Warn("installed plugins cannot be read", "error", err)
	}
	byName := map[string]install.Plugin{}
	for _, p := range all {
		byName[p.Name] = p
	}
	return byName
}

func pluginInfoOf(p pluginhost.Plugin, installed map[string]install.Plugin) pluginInfo {
	info := pluginInfo{Object: "plugin", Name: p.Name, FullName: p.Manifest.Name, Version: p.Version, Description: p.Description, Kinds: p.Kinds,
		State: p.State(), Variant: p.Variant, Formats: p.Formats, Schemes: p.Schemes, Patterns: p.Patterns, Capabilities: p.Capabilities, Dir: p.Dir, Digest: p.Digest}
	if p.Err != nil {
		info.Error = core.Reason(p.Err)
	}
	if held, ok := installed[p.Manifest.Name]; ok {
		info.pluginHeld = heldOf(held)
	}
	return info
}

func heldOf(p install.Plugin) *pluginHeld {
	held := &pluginHeld{Current: p.Current, Previous: p.Previous, Pinned: p.Pinned, Constraint: p.Constraint, Source: p.Source}
	for _, v := range p.Versions {
		reason := fit(v.Refused)
		if reason != "" && held.Refused == nil {
			held.Refused = &refusedVersion{v.Version, v.Digest, reason}
		}
		held.Versions = append(held.Versions, heldVersion{v.Version, v.Variant, v.Digest, v.Source, v.Key, v.Size, v.Installed, v.Current, v.Previous, reason})
	}
	return held
}

// pluginDetails is one plugin with the JSON Schema of its settings.
type pluginDetails struct {
	pluginInfo
	Settings *schemas.Schema `json:"settings"` // null where it takes none, or cannot be asked
}

// showPlugin answers GET /v1/plugins/{name}: the full name finds also one that is
// called as a route is.
func (s *Server) showPlugin(c *fiber.Ctx) error {
	name := engineID(c)
	all := s.runtime.Plugins()
	i := slices.IndexFunc(all, func(p pluginhost.Plugin) bool { return p.Name == name || p.Manifest.Name == name })
	if i < 0 {
		return fault(http.StatusNotFound, fmt.Sprintf("There is no plugin '%.100s'; GET /v1/plugins lists those that are installed", name), "", "plugin_not_found")
	}
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	details := pluginDetails{pluginInfo: pluginInfoOf(all[i], s.installed())}
	settings, err := s.runtime.PluginSettings(ctx, all[i].Name)
	if err != nil && details.Error == "" {
		details.Error = core.Reason(err)
	}
	details.Settings = settings
	return c.JSON(details)
}
