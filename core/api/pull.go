package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/store"
)

// pull makes a model of a source, and begins to download it. What a body has beside
// the request's own fields is the model's, over what the source says of it.
func (s *Server) pull(c *fiber.Ctx, values map[string]any, download *bool) error {
	req, err := pullRequest(values)
	if err != nil {
		return err
	}
	if err := onlyFromHere(c, req); err != nil {
		return err
	}
	req.CatalogueOnly = download != nil && !*download
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	pulled, err := s.runtime.Pull(observed(c).within(ctx), req)
	if err != nil {
		return ofSource(refused(err), "source")
	}
	return s.sendCreated(c, pulled.Model, pulled.Others)
}

// onlyFromHere refuses the paths of this machine to those on others: a key to the
// models is none to the files beside them.
func onlyFromHere(c *fiber.Ctx, req core.PullRequest) error {
	if !req.Local() || fromHere(c) {
		return nil
	}
	return fault(http.StatusForbidden, "Paths, and the models of other tools, are taken from callers on the server's own machine only; upload the files", "source", "source_forbidden")
}

// fromHere says whether the caller is on this machine, and no proxy is between.
func fromHere(c *fiber.Ctx) bool {
	if c.Get(fiber.HeaderXForwardedFor) != "" || c.Get("Forwarded") != "" {
		return false
	}
	caller, err := netip.ParseAddrPort(c.Context().RemoteAddr().String())
	server, err2 := netip.ParseAddrPort(c.Context().LocalAddr().String())
	if err != nil || err2 != nil {
		return false
	}
	return caller.Addr().Unmap().IsLoopback() || caller.Addr() == server.Addr()
}

// sendCreated answers with a model that was made, or whose files are on their way.
func (s *Server) sendCreated(c *fiber.Ctx, m core.Model, others []string) error {
	status := http.StatusCreated
	if m.State == core.StateDownloading {
		status = http.StatusAccepted
	}
	answer := stateOf(m.ID, m.State)
	if len(others) > 0 {
		answer["others"] = others
	}
	s.warn(answer, m)
	c.Set(fiber.HeaderLocation, "/v1/models/"+m.ID)
	return c.Status(status).JSON(answer)
}

// warn adds to an answer why nothing here runs a model.
func (s *Server) warn(answer fiber.Map, m core.Model) {
	if why := s.runtime.Unrunnable(m.Manifest); why != "" {
		answer["warnings"] = []string{why}
	}
}

// pullRequest takes the fields of a pull out of a body.
func pullRequest(values map[string]any) (core.PullRequest, error) {
	var req core.PullRequest
	for name, to := range map[string]*string{"source": (*string)(&req.Ref), "id": &req.ID, "variant": &req.Variant, "importer": &req.Importer, "mode": &req.Mode} {
		switch value := values[name].(type) {
		case nil:
		case string:
			*to = value
		default:
			return req, fault(http.StatusBadRequest, fmt.Sprintf("The field '%s' must be a text", name), name, "invalid_type")
		}
		delete(values, name)
	}
	switch {
	case req.Ref == "":
		return req, fault(http.StatusBadRequest, "The field 'source' must name a source: hf://OWNER/REPO, the web address of a weight file, or an absolute path on the server's machine", "source", "invalid_request")
	case req.ID != "" && !store.ValidID(req.ID):
		return req, fault(http.StatusBadRequest, fmt.Sprintf("%.200q is no model id: use letters, digits, '.', '_' and '-', in parts between slashes that begin with no '.'", req.ID), "id", "invalid_request")
	}
	if name, meant := slip(values, []string{"variant", "importer", "download"}); name != "" { // not "mode": "model" is an older name of the id
		return req, fault(http.StatusBadRequest, fmt.Sprintf("There is no field '%.60s'; did you mean '%s'?", name, meant), name, "invalid_request")
	}
	req.Overlay = values
	return req, nil
}

// commandModel answers POST /v1/models/{id}/download and …/cancel. A slash in an id
// may stand as it is, so the last segment decides.
func (s *Server) commandModel(c *fiber.Ctx) error {
	command, suffix := s.download, "/download"
	switch rest := c.Params("*"); {
	case strings.HasSuffix(rest, "/cancel"):
		command, suffix = s.cancel, "/cancel"
	case !strings.HasSuffix(rest, suffix):
		return fiber.ErrNotFound
	}
	id, err := modelID(c, suffix)
	if err != nil {
		return err
	}
	return command(c, id)
}

// download answers when the download of a model has begun; one that is here is
// left alone.
func (s *Server) download(c *fiber.Ctx, id string) error {
	m, err := s.fetch(c, id)
	if err != nil {
		return err
	}
	answer := stateOf(m.ID, m.State)
	s.warn(answer, m)
	if m.State == core.StateDownloading {
		return c.Status(http.StatusAccepted).JSON(answer)
	}
	answer["message"] = fmt.Sprintf("The model '%s' is here already", m.ID)
	return c.JSON(answer)
}

func (s *Server) fetch(c *fiber.Ctx, id string) (core.Model, error) {
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	return s.runtime.Download(observed(c).within(ctx), id)
}

// cancel ends the download of a model; with ?discard=true, what came of it is
// removed too.
func (s *Server) cancel(c *fiber.Ctx, id string) error {
	discard, err := truth(c, "discard", false)
	if err != nil {
		return err
	}
	ctx, done := clientContext(c.Context().Conn())
	defer done()
	m, err := s.runtime.Cancel(ctx, id, discard)
	if err != nil {
		return err
	}
	return c.JSON(stateOf(m.ID, m.State))
}

// truth is a value of the query that is true or false.
func truth(c *fiber.Ctx, name string, standard bool) (bool, error) {
	value, err := strconv.ParseBool(c.Query(name, strconv.FormatBool(standard)))
	if err != nil {
		return false, fault(http.StatusBadRequest, name+" is true or false", name, "invalid_value")
	}
	return value, nil
}
