package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
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
	o := observed(c)
	o.goesOn()
	o.model = id
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+archive.Name+`"`)
	c.Response().SetBodyStream(&export{archive: archive, to: patient{conn: c.Context().Conn()}, server: s, seen: o}, int(archive.Size))
	return nil
}

// export is written by fasthttp, on the connection's own goroutine, where a panic
// would end the process.
type export struct {
	archive *core.Archive
	to      patient
	server  *Server
	seen    *observation
	err     error
}

// WriteTo implements io.WriterTo.
func (e *export) WriteTo(w io.Writer) (n int64, err error) {
	defer e.server.caught(e.seen, &e.err)
	e.to.w = w
	n, e.err = e.archive.WriteTo(&e.to)
	return n, e.err
}

// Read implements io.Reader, as fasthttp wants it of a body; it asks for WriteTo.
func (e *export) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close implements io.Closer; fasthttp calls it at every end.
func (e *export) Close() error {
	status := http.StatusOK
	switch {
	case e.to.err != nil:
		status = statusClientGone
	case e.err != nil:
		status = http.StatusInternalServerError
		e.server.log.Error("export broken off", "model", e.seen.model, "error", e.err, "request_id", e.seen.id)
	}
	e.seen.end(status)
	return e.to.conn.SetWriteDeadline(time.Time{})
}

// patient writes for hours, as long as the client takes something now and then.
type patient struct {
	w    io.Writer
	conn net.Conn
	err  error // of a client that took nothing, or left
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (n int, err error) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(chunkTimeout))
	n, err = p.w.Write(b)
	p.err = err
	return n, err
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
