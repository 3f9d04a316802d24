package api

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// aliases are the paths of older clients, under /v1 and without it
// (facts/seed-api.md). They do what the present ones do.
func (s *Server) aliases() []route {
	var all []route
	for _, above := range []string{"/v1", ""} {
		all = append(all,
			route{"POST", above + "/models/add", keyed, s.createModel},
			route{"POST", above + "/models/pull", keyed, s.pullModel},
			route{"GET", above + "/models/download/*", keyed, s.downloadModel},
		)
		for _, method := range []string{"PUT", "POST"} {
			all = append(all,
				route{method, above + "/models/start", keyed, s.ofBody(s.start)},
				route{method, above + "/models/stop", keyed, s.ofBody(s.stop)},
			)
		}
	}
	return all
}

// ofBody takes the id of the model out of the body.
func (s *Server) ofBody(do func(c *fiber.Ctx, id string) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		doc, err := document(c)
		if err != nil {
			return err
		}
		id, ok := doc.Value["model"].(string)
		if !ok {
			return fault(http.StatusBadRequest, "The field 'model' must be the id of a model; GET /v1/models lists the models", "model", "missing_model")
		}
		return do(c, id)
	}
}

// pullModel answers POST /models/pull: {"model": …} is a source to make a model
// of, or the id of one whose weights are to be fetched.
func (s *Server) pullModel(c *fiber.Ctx) error {
	doc, err := document(c)
	if err != nil {
		return err
	}
	for _, name := range []string{"model", "id"} {
		if id, ok := doc.Value[name].(string); ok && !isRef(id) && doc.Value["source"] == nil && doc.Value["source_url"] == nil {
			return s.download(c, id)
		}
	}
	return s.createModel(c)
}

// downloadModel answers GET /models/download/{id}.
func (s *Server) downloadModel(c *fiber.Ctx) error {
	id, err := modelID(c, "")
	if err != nil {
		return err
	}
	if strings.HasPrefix(c.Path(), "/v1/") {
		if m, err := s.runtime.Model("download/" + id); err == nil { // a model may have such an id
			return s.sendModel(c, m)
		}
	}
	return s.download(c, id)
}
