package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
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
var statusKeys = []string{"state", "transition", "progress", "download", "error", "warnings", "read_only", "running", "route", "gguf", "effective"}

// manifestOf is what a body says of a model.
func manifestOf(doc *schemas.Document) map[string]any {
	for _, name := range statusKeys {
		delete(doc.Value, name)
	}
	return doc.Value
}

// createModel answers POST /v1/models: a source to make a model of, a model file in
// any shape that the store reads, or the id of a model whose files are to be fetched.
func (s *Server) createModel(c *fiber.Ctx) error {
	doc, err := document(c)
	if err != nil {
		return err
	}
	download, err := flag(doc.Value, "download")
	if err != nil {
		return err
	}
	values := manifestOf(doc)
	if ref, ok := values["model"].(string); ok && isRef(ref) { // in a model file, "model" is an older name of the id
		delete(values, "model")
		values["source"] = ref
	}
	if values["source"] != nil {
		return s.pull(c, values, download)
	}
	if id, ok := s.named(values); ok {
		return s.download(c, id)
	}
	manifest, _, err := store.ReadManifest(doc)
	if err != nil {
		return refused(err)
	}
	m, err := s.create(c, manifest, download != nil && *download)
	if err != nil {
		return misspelt(err, manifest.Extra)
	}
	return s.sendCreated(c, m, nil)
}

// requestFields are those of a body that are not the model's.
var requestFields = []string{"source", "variant", "importer", "mode", "download"}

// misspelt says beside why a model cannot be made which field of the body nobody
// knows, where one is like another that there is.
func misspelt(err error, unknown map[string]any) error {
	if sdk.CodeOf(err) != sdk.CodeInvalid {
		return err
	}
	name, meant := slip(unknown, append(schemas.Model().Properties(), requestFields...))
	if name == "" {
		return err
	}
	return fault(http.StatusBadRequest, fmt.Sprintf("There is no field '%.60s'; did you mean '%s'? %s", name, meant, core.Reason(err)), name, "invalid_request")
}

// slip finds a field that is like a known one, or holds what only a source can be.
func slip(unknown map[string]any, known []string) (name, meant string) {
	known = slices.DeleteFunc(known, func(name string) bool { return unknown[name] != nil })
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		meant := schemas.Nearest(name, known)
		if text, ok := unknown[name].(string); ok && meant == "" && strings.Contains(text, "://") && slices.Contains(known, "source") {
			meant = "source"
		}
		if meant != "" && !slices.Contains(requestFields, name) {
			return name, meant
		}
	}
	return "", ""
}

func isPath(text string) bool {
	return strings.HasPrefix(text, "/") || strings.HasPrefix(text, "~/") || strings.HasPrefix(text, ".")
}

// flag reads a field of a body that is true or false; nil where it is not there. An
// object is what a model shows of its download: a client may send back what it got.
func flag(values map[string]any, name string) (*bool, error) {
	switch value := values[name].(type) {
	case nil, map[string]any:
		return nil, nil
	case bool:
		return &value, nil
	}
	return nil, fault(http.StatusBadRequest, fmt.Sprintf("The field '%s' must be true or false", name), name, "invalid_type")
}

// named returns the id of a model that is there, where a body says nothing else.
func (s *Server) named(values map[string]any) (id string, ok bool) {
	if len(values) != 1 {
		return "", false
	}
	for _, name := range []string{"id", "model"} {
		if id, ok = values[name].(string); ok {
			_, err := s.runtime.Model(id)
			return id, err == nil
		}
	}
	return "", false
}

// create makes a model, and begins to download it where that is wanted: both, or
// nothing is left.
func (s *Server) create(c *fiber.Ctx, manifest sdk.Manifest, download bool) (core.Model, error) {
	m, err := s.runtime.Create(manifest.ID, manifest)
	if err != nil || !download || m.Ready {
		return m, err
	}
	begun, err := s.fetch(c, m.ID)
	if err != nil {
		if _, undone := s.runtime.Remove(context.Background(), m.ID, true); undone != nil {
			s.log.Warn("model not removed whose download did not begin", "model", m.ID, "error", undone)
		}
		return m, ofSource(err, "sources")
	}
	return begun, nil
}

// isRef says whether a text names a source, and no model that is here.
func isRef(text string) bool {
	return strings.Contains(text, "://") || isPath(text)
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
	purge, err := truth(c, "purge", false)
	if err != nil {
		return err
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
