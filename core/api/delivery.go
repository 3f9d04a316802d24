package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
)

// deliver answers with size bytes, which are written when the handler has returned:
// by fasthttp, on the connection's own goroutine, where a panic would end the process.
func (s *Server) deliver(c *fiber.Ctx, from io.WriterTo, size int64) {
	o := observed(c)
	o.goesOn()
	c.Response().SetBodyStream(&delivery{from: from, to: patient{conn: c.Context().Conn()}, server: s, seen: o}, int(size))
}

// delivery is a body that takes its time.
type delivery struct {
	from   io.WriterTo
	to     patient
	server *Server
	seen   *observation
	err    error
}

// WriteTo implements io.WriterTo.
func (d *delivery) WriteTo(w io.Writer) (n int64, err error) {
	defer d.server.caught(d.seen, &d.err)
	d.to.w = w
	n, d.err = d.from.WriteTo(&d.to)
	return n, d.err
}

// Read implements io.Reader, as fasthttp wants it of a body; it asks for WriteTo.
func (d *delivery) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close implements io.Closer; fasthttp calls it at every end.
func (d *delivery) Close() error {
	status := http.StatusOK
	switch {
	case d.to.err != nil:
		status = statusClientGone
	case d.err != nil:
		status = http.StatusInternalServerError
		d.server.log.Error("a delivery was broken off", "path", d.seen.path, "error", d.err, "request_id", d.seen.id)
	}
	d.seen.end(status)
	return d.to.conn.SetWriteDeadline(time.Time{})
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
