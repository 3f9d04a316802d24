package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/system"
)

// systemInfo is the machine, and what it carries now.
type systemInfo struct {
	Object  string `json:"object"`
	Version string `json:"version"` // of the program
	system.System
	Models  []loadedModel   `json:"models"`
	Engines []runningEngine `json:"engines"`
}

type loadedModel struct {
	ID       string `json:"id"`
	Engine   string `json:"engine"`
	Since    int64  `json:"since"`
	Requests int    `json:"requests"`
	Memory   uint64 `json:"memory"` // bytes, the engine's estimate; 0 where unknown
}

type runningEngine struct {
	ID  string `json:"id"`
	Pid int    `json:"pid"`
}

// showSystem answers GET /v1/system.
func (s *Server) showSystem(c *fiber.Ctx) error {
	info := systemInfo{Object: "system", Version: s.config.Version, System: s.runtime.System(),
		Models: []loadedModel{}, Engines: []runningEngine{}}
	for m := range s.runtime.EachLoadable {
		if m.State == core.StateRunning {
			info.Models = append(info.Models, loadedModel{m.ID, m.Deployment, m.Since, m.Requests, m.Memory})
		}
	}
	for _, e := range s.runtime.Engines() {
		if e.Process.State == pluginhost.StateUp {
			info.Engines = append(info.Engines, runningEngine{e.ID, e.Process.Pid})
		}
	}
	return c.JSON(info)
}
