package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/store"
	"github.com/enginebay/enginebay/schemas"
	"github.com/enginebay/enginebay/sdk"
)

// maxDocument is how large a model file or an engine's may be.
const maxDocument = 1 << 20

// document reads a body as a file is read: comments are taken, a name that stands
// twice is not.
func document(c *fiber.Ctx) (*schemas.Document, error) {
	body := c.Request().Body()
	if len(body) > maxDocument {
		return nil, fault(http.StatusRequestEntityTooLarge, "The body is too large; a model or an engine is described in at most 1 MiB", "", "request_too_large")
	}
	doc, err := schemas.Parse("body", bytes.Clone(body))
	if err != nil {
		return nil, fault(http.StatusBadRequest, "The body cannot be read: "+oneLine(err), "", "invalid_json")
	}
	return doc, nil
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// refused is the answer to a body that its schema refuses.
func refused(err error) error {
	var problems schemas.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		return err
	}
	param := strings.Join(schemas.SplitPointer(problems[0].Pointer), ".")
	return fault(http.StatusBadRequest, "The model cannot be like this: "+oneLine(problems), param, "invalid_request")
}

// statusKeys are the keys that an answer has beside the manifest's: a client may
// send back what it got.
var statusKeys = []string{"state", "transition", "progress", "error", "warnings", "running", "gguf", "effective"}

// manifestOf is what a body says of a model.
func manifestOf(doc *schemas.Document) map[string]any {
	for _, name := range statusKeys {
		delete(doc.Value, name)
	}
	return doc.Value
}

// createModel answers POST /v1/models: a model file in any shape that the store
// reads, with an "id", or with a "source" to make one of.
func (s *Server) createModel(c *fiber.Ctx) error {
	m, err := s.create(c)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, "/v1/models/"+m.ID)
	return c.Status(http.StatusCreated).JSON(stateOf(m.ID, m.State))
}

func (s *Server) create(c *fiber.Ctx) (core.Model, error) {
	doc, err := document(c)
	if err != nil {
		return core.Model{}, err
	}
	values := manifestOf(doc)
	for _, name := range []string{"source", "model"} { // in a model file, "model" is an older name of the id
		if ref, ok := values[name].(string); ok && (name == "source" || isRef(ref)) {
			delete(values, name)
			values["source_url"] = ref
		}
	}
	manifest, _, err := store.ReadManifest(doc)
	if err != nil {
		return core.Model{}, refused(err)
	}
	return s.runtime.Create(manifest.ID, manifest)
}

// isRef says whether a text names a source, and no model that is here.
func isRef(text string) bool {
	return strings.Contains(text, "://") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "~/")
}

func stateOf(id, state string) fiber.Map {
	return fiber.Map{"id": id, "object": "model", "state": state}
}

// patchModel answers PATCH /v1/models/{id}: a merge patch (RFC 7386) of the
// canonical manifest.
func (s *Server) patchModel(c *fiber.Ctx) error {
	id, err := modelID(c, "")
	if err != nil {
		return err
	}
	doc, err := document(c)
	if err != nil {
		return err
	}
	patch := manifestOf(doc)
	m, err := s.runtime.Edit(id, func(m *sdk.Manifest) error {
		if newID, given := patch["id"]; given && newID != m.ID {
			return fault(http.StatusBadRequest, fmt.Sprintf("The id of the model '%s' cannot be changed: it is its path in the models folder", m.ID), "id", "invalid_request")
		}
		patched, err := store.Patch(*m, patch)
		*m = patched
		return refused(err)
	})
	if err != nil {
		return err
	}
	return s.sendModel(c, m)
}

// deleteModel answers DELETE /v1/models/{id}; ?purge=true removes all of it.
func (s *Server) deleteModel(c *fiber.Ctx) error {
	id, err := modelID(c, "")
	if err != nil {
		return err
	}
	purge, err := strconv.ParseBool(c.Query("purge", "false"))
	if err != nil {
		return fault(http.StatusBadRequest, "purge is true or false", "purge", "invalid_value")
	}
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	state, err := s.runtime.Remove(ctx, id, purge)
	if err != nil {
		return err
	}
	answer := fiber.Map{"id": id, "object": "model", "deleted": true}
	if state != "" { // otherwise there is no such model any more
		answer["state"] = state
	}
	return c.JSON(answer)
}
