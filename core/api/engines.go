package api

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// engineInfo is a deployment as the API shows it. No setting is in it: one might
// be a secret that somebody wrote down.
type engineInfo struct {
	ID          string   `json:"id"`
	Object      string   `json:"object"`
	Plugin      string   `json:"plugin"`
	Version     string   `json:"version"`
	Description string   `json:"description,omitempty"`
	State       string   `json:"state"`
	Pid         int      `json:"pid,omitempty"`
	Pids        []int    `json:"pids,omitempty"` // of all its processes, where there are several
	Since       int64    `json:"since,omitempty"`
	Restarts    int      `json:"restarts"`
	Models      []string `json:"models"`
	Error       string   `json:"error,omitempty"`

	Requests int          `json:"requests"`
	Waiting  int          `json:"waiting"`
	Memory   uint64       `json:"memory"`
	Limits   engineLimits `json:"limits"`
	Usage    core.Usage   `json:"usage"`
}

// engineLimits are those of a deployment's file.
type engineLimits struct {
	MaxLoaded   int    `json:"max_loaded,omitempty"`
	Memory      uint64 `json:"memory,omitempty"`
	Concurrency int    `json:"concurrency,omitempty"`
	Queue       int    `json:"queue,omitempty"`
	PerMinute   int    `json:"requests_per_minute,omitempty"`
	KeepAlive   string `json:"keep_alive,omitempty"`
}

func limitsOf(l core.DeploymentLimits) engineLimits {
	limits := engineLimits{MaxLoaded: l.MaxLoaded, Memory: l.Memory, Concurrency: l.Concurrency, Queue: l.Queue, PerMinute: l.PerMinute}
	switch {
	case l.KeepAlive == nil:
	case *l.KeepAlive < 0:
		limits.KeepAlive = "forever"
	default:
		limits.KeepAlive = l.KeepAlive.String()
	}
	return limits
}

// listEngines answers GET /v1/engines.
func (s *Server) listEngines(c *fiber.Ctx) error {
	list := []engineInfo{}
	for _, e := range s.runtime.Engines() {
		list = append(list, infoOf(e))
	}
	return c.JSON(fiber.Map{"object": "list", "data": list})
}

func infoOf(e core.Engine) engineInfo {
	info := engineInfo{ID: e.ID, Object: "engine", Plugin: e.Plugin, Version: e.Version, Description: e.Description,
		State: e.Process.State, Pid: e.Process.Pid, Restarts: e.Process.Restarts, Models: append([]string{}, e.Models...),
		Requests: e.Requests, Waiting: e.Waiting, Memory: e.Memory, Limits: limitsOf(e.Limits), Usage: e.Usage}
	if len(e.Process.Pids) > 1 {
		info.Pids = e.Process.Pids
	}
	if !e.Process.Started.IsZero() {
		info.Since = e.Process.Started.Unix()
	}
	switch {
	case e.Refused != nil:
		info.Error = core.Reason(e.Refused)
	case e.Err != nil:
		info.Error = core.Reason(e.Err)
	case e.Process.Err != nil:
		info.Error = core.Reason(e.Process.Err)
	}
	return info
}

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
}

// listPlugins answers GET /v1/plugins.
func (s *Server) listPlugins(c *fiber.Ctx) error {
	list := []pluginInfo{}
	for _, p := range s.runtime.Plugins() {
		list = append(list, pluginInfoOf(p))
	}
	return c.JSON(fiber.Map{"object": "list", "data": list})
}

func pluginInfoOf(p pluginhost.Plugin) pluginInfo {
	info := pluginInfo{Object: "plugin", Name: p.Name, FullName: p.Manifest.Name, Version: p.Version, Description: p.Description, Kinds: p.Kinds,
		State: p.State(), Variant: p.Variant, Formats: p.Formats, Schemes: p.Schemes, Patterns: p.Patterns, Capabilities: p.Capabilities, Dir: p.Dir, Digest: p.Digest}
	if p.Err != nil {
		info.Error = core.Reason(p.Err)
	}
	return info
}

// pluginDetails is one plugin with the JSON Schema of its settings.
type pluginDetails struct {
	pluginInfo
	Settings *schemas.Schema `json:"settings"` // null where it takes none, or cannot be asked
}

// showPlugin answers GET /v1/plugins/{name}.
func (s *Server) showPlugin(c *fiber.Ctx) error {
	name := engineID(c)
	all := s.runtime.Plugins()
	i := slices.IndexFunc(all, func(p pluginhost.Plugin) bool { return p.Name == name })
	if i < 0 {
		return fault(http.StatusNotFound, fmt.Sprintf("There is no plugin '%.100s'; GET /v1/plugins lists those that are installed", name), "", "plugin_not_found")
	}
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	details := pluginDetails{pluginInfo: pluginInfoOf(all[i])}
	settings, err := s.runtime.PluginSettings(ctx, name)
	if err != nil && details.Error == "" {
		details.Error = core.Reason(err)
	}
	details.Settings = settings
	return c.JSON(details)
}
