package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

// engineDetails is one engine with the content of its file; what only a person may
// change is hidden in it.
type engineDetails struct {
	engineInfo
	File      map[string]any   `json:"file"` // null where there is none
	Effective *engineEffective `json:"effective,omitempty"`
}

// engineEffective is what every model of an engine starts from, and which of its
// secrets are there.
type engineEffective struct {
	Settings   map[string]core.Value  `json:"settings"` // null where Error says why
	Parameters map[string]core.Value  `json:"parameters"`
	Secrets    map[string]secretState `json:"secrets"`
	Error      string                 `json:"error,omitempty"`
}

type secretState struct {
	Set    bool   `json:"set"`
	Origin string `json:"origin"`
	Error  string `json:"error,omitempty"`
}

// showEngine answers GET /v1/engines/{id}; with ?effective=true also what its models
// start from.
func (s *Server) showEngine(c *fiber.Ctx) error { return s.sendEngine(c, engineID(c)) }

// engineID is the id of the route; one that cannot be decoded is nobody's.
func engineID(c *fiber.Ctx) string {
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return c.Params("id")
	}
	return strings.Clone(id)
}

func (s *Server) sendEngine(c *fiber.Ctx, id string) error {
	e, err := s.runtime.Engine(id)
	if err != nil {
		return engineFaultOf(err)
	}
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	content, err := s.runtime.DeploymentContent(ctx, id)
	if err != nil && e.Err == nil { // otherwise the engine's own error says it
		return err
	}
	details := engineDetails{engineInfo: infoOf(e), File: content}
	if c.Query("effective") == "true" {
		if details.Effective, err = s.engineEffective(ctx, id); err != nil {
			return engineFaultOf(err)
		}
	}
	return c.JSON(details)
}

func (s *Server) engineEffective(ctx context.Context, id string) (*engineEffective, error) {
	e, err := s.runtime.EffectiveEngine(ctx, id)
	if err != nil {
		return nil, err
	}
	shown := &engineEffective{Settings: e.Settings, Parameters: e.Parameters, Secrets: map[string]secretState{}}
	if e.Err != nil {
		shown.Error = core.Reason(e.Err)
	}
	for name, state := range e.Secrets {
		info := secretState{Set: state.Err == nil, Origin: state.Origin}
		if state.Err != nil {
			info.Error = state.Err.Error()
		}
		shown.Secrets[name] = info
	}
	return shown, nil
}

// putEngine answers PUT /v1/engines/{id}: the content of its file.
func (s *Server) putEngine(c *fiber.Ctx) error {
	doc, err := document(c)
	if err != nil {
		return err
	}
	content := doc.Value
	if file, shown := content["file"]; shown { // the whole answer is sent back
		content, _ = file.(map[string]any)
	}
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	id := engineID(c)
	if err := s.runtime.ChangeDeployment(ctx, id, content); err != nil {
		return err
	}
	return s.sendEngine(c, id)
}

// restartEngine answers POST /v1/engines/{id}/restart: a new process beside the old
// one, which ends its answers first.
func (s *Server) restartEngine(c *fiber.Ctx) error {
	id := engineID(c)
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	if err := s.runtime.RestartDeployment(observed(c).within(ctx), id); err != nil {
		if _, missing := s.runtime.Engine(id); missing != nil {
			return engineFaultOf(missing)
		}
		return err
	}
	return s.sendEngine(c, id)
}

// refreshEngine answers POST /v1/engines/{id}/refresh with the models that the service
// has now.
func (s *Server) refreshEngine(c *fiber.Ctx) error {
	id := engineID(c)
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	if err := s.runtime.RefreshOffers(observed(c).within(ctx), id); err != nil {
		if _, missing := s.runtime.Engine(id); missing != nil {
			return engineFaultOf(missing)
		}
		return err
	}
	body := []byte(`{"object":"list","data":[`)
	begun := len(body)
	for m := range s.runtime.EachModel {
		if m.Offer == nil || m.Offer.Engine != id {
			continue
		}
		if len(body) > begun {
			body = append(body, ',')
		}
		body = appendModel(body, m)
	}
	return sendJSON(c, append(body, "]}"...))
}

// deleteEngine answers DELETE /v1/engines/{id}.
func (s *Server) deleteEngine(c *fiber.Ctx) error {
	id := engineID(c)
	if err := s.runtime.RemoveDeployment(id); err != nil {
		return engineFaultOf(err)
	}
	return c.JSON(fiber.Map{"id": id, "object": "engine", "deleted": true})
}

// engineFaultOf says of what is not there that it is an engine.
func engineFaultOf(err error) error {
	if sdk.CodeOf(err) == sdk.CodeNotFound {
		return fault(http.StatusNotFound, err.Error(), "", "engine_not_found")
	}
	return err
}
