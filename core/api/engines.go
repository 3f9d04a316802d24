package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
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
	Since       int64    `json:"since,omitempty"`
	Restarts    int      `json:"restarts"`
	Models      []string `json:"models"`
	Error       string   `json:"error,omitempty"`
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
		State: e.Process.State, Pid: e.Process.Pid, Restarts: e.Process.Restarts, Models: append([]string{}, e.Models...)}
	if !e.Process.Started.IsZero() {
		info.Since = e.Process.Started.Unix()
	}
	switch {
	case e.Err != nil:
		info.Error = core.Reason(e.Err)
	case e.Process.Err != nil:
		info.Error = core.Reason(e.Process.Err)
	}
	return info
}

type pluginInfo struct {
	pluginhost.Plugin
	Object string `json:"object"`
	Error  string `json:"error,omitempty"`
}

// listPlugins answers GET /v1/plugins.
func (s *Server) listPlugins(c *fiber.Ctx) error {
	list := []pluginInfo{}
	for _, p := range s.runtime.Plugins() {
		info := pluginInfo{Plugin: p, Object: "plugin"}
		if p.Err != nil {
			info.Error = core.Reason(p.Err)
		}
		list = append(list, info)
	}
	return c.JSON(fiber.Map{"object": "list", "data": list})
}
