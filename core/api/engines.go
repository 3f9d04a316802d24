package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
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
