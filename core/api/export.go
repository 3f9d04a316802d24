package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// exportModel answers GET /v1/models/{id}/export: the model as a zip, from which
// another machine makes the same. ?weights=false leaves the weights out.
func (s *Server) exportModel(c *fiber.Ctx) error {
	id, err := modelID(c, "/export")
	if err != nil {
		return err
	}
	weights, err := truth(c, "weights", true)
	if err != nil {
		return err
	}
	archive, err := s.runtime.Export(id, weights)
	if err != nil {
		return err
	}
	observed(c).model = id
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+archive.Name+`"`)
	s.deliver(c, archive, archive.Size)
	return nil
}

// exported says whether the address is that of a model's export. A model whose own
// id ends like this is shown; its export has the slash of its id as %2F.
func (s *Server) exported(c *fiber.Ctx) bool {
	rest := c.Params("*")
	if !strings.HasSuffix(rest, "/export") {
		return false
	}
	id, err := modelID(c, "")
	if err != nil {
		return true
	}
	_, err = s.runtime.Model(id)
	return err != nil
}
