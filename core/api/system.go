package api

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/pluginhost"
	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
)

// systemInfo is the machine, and what it carries now.
type systemInfo struct {
	Object  string `json:"object"`
	Version string `json:"version"` // of the program
	system.System
	Models   []loadedModel   `json:"models"`
	Engines  []runningEngine `json:"engines"`
	Database *databaseInfo   `json:"database,omitempty"`
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

// databaseInfo is how the database of conversations is. It does not say where that is.
type databaseInfo struct {
	Driver string `json:"driver"` // sqlite or postgres
	State  string `json:"state"`  // ok or unavailable
	Schema int64  `json:"schema,omitempty"`
	Size   int64  `json:"size,omitempty"` // bytes
	Error  string `json:"error,omitempty"`
}

// databaseTimeout is how long a database that does not answer is waited for.
const databaseTimeout = 2 * time.Second

func (s *Server) database() *databaseInfo {
	if s.config.Conversations == nil {
		return nil
	}
	ctx, done := context.WithTimeout(context.Background(), databaseTimeout)
	defer done()
	status := s.config.Conversations.Status(ctx)
	if status.Err == nil {
		return &databaseInfo{Driver: status.Driver, State: "ok", Schema: status.Schema, Size: status.Size}
	}
	var said *sdk.Error
	why := "It does not answer"
	if errors.As(status.Err, &said) {
		why = said.Message // its cause is for the log
	}
	return &databaseInfo{Driver: status.Driver, State: "unavailable", Error: why}
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
	info.Database = s.database()
	return c.JSON(info)
}
