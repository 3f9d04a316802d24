package api

import (
	"bufio"
	"context"
	"io"
	"mime"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// uploads are the connections that bring files. They may do so for hours: a
// server that shuts down cuts them.
type uploads struct {
	mu    sync.Mutex
	ended bool
	conns map[net.Conn]context.CancelFunc
	alive sync.WaitGroup
}

// begin counts a connection in until done is called; the context ends with the
// server. ok is false when that has ended already.
func (u *uploads) begin(conn net.Conn) (ctx context.Context, done func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return nil, nil, false
	}
	if u.conns == nil {
		u.conns = map[net.Conn]context.CancelFunc{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	u.conns[conn] = cancel
	u.alive.Add(1)
	return ctx, func() {
		defer u.alive.Done()
		cancel()
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.conns, conn)
	}, true
}

// end cuts all, and returns when nobody works on them any more.
func (u *uploads) end() {
	u.mu.Lock()
	u.ended = true
	for conn, cancel := range u.conns {
		cancel()
		conn.Close()
	}
	u.mu.Unlock()
	u.alive.Wait()
}

// A receiver reads a form while it comes. What it returns answers the request.
type receiver func(ctx context.Context, form *uploadForm, o *observation) (answer fiber.Handler, err error)

// upload takes over the connection, for fasthttp has no other way to what it did
// not read. When the handler has returned, the form is read on a goroutine of its
// own, from the connection to the disk. A body that says that it is larger than
// most bytes is refused before it comes; 0 bounds nothing. needs is said to who
// sends an empty one.
func (s *Server) upload(c *fiber.Ctx, most int64, needs string, receive receiver) error {
	_, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || params["boundary"] == "" {
		return badForm("The Content-Type names no boundary between the parts of the form", "")
	}
	length, waits := announced(&c.Request().Header)
	if length == 0 || c.Request().Header.ContentLength() != 0 { // or it was read: the key came into force between
		return badForm("The form is empty; send "+needs, "")
	}
	if most > 0 && length > most+formOverhead {
		return fileTooLarge(most)
	}
	ctx, o := c.Context(), observed(c)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(conn net.Conn) {
		socket := conn.(interface{ UnsafeConn() net.Conn }).UnsafeConn() // conn has what was read of the body already
		life, done, ok := s.uploads.begin(socket)
		if !ok {
			return
		}
		defer done()
		if waits {
			_, _ = io.WriteString(socket, "HTTP/1.1 100 Continue\r\n\r\n") // who is gone does not send anything either
		}
		defer s.caught(o, new(error))
		form := newUploadForm(newIncoming(conn, socket, length, s.stall), params["boundary"])
		answer, err := s.receive(life, form, o, receive)
		s.answerUpload(ctx, socket, o, answer, err)
	})
	o.goesOn()
	return nil
}

// receive reads a form to its end.
func (s *Server) receive(ctx context.Context, form *uploadForm, o *observation, receive receiver) (answer fiber.Handler, err error) {
	defer s.caught(o, &err)
	answer, err = receive(ctx, form, o)
	if err != nil && form.err != nil { // it is why, whatever came of it
		return nil, form.err
	}
	if err == nil {
		form.body.rest()
	}
	return answer, err
}

// answerUpload answers on a connection that was taken over, which is closed then.
func (s *Server) answerUpload(ctx *fasthttp.RequestCtx, socket net.Conn, o *observation, answer fiber.Handler, err error) {
	c := s.app.AcquireCtx(ctx)
	defer s.app.ReleaseCtx(c)
	if err == nil {
		err = answer(c)
	}
	o.stream = false // the answer is none
	o.answer(c, err)
	if c.Response().StatusCode() == statusClientGone {
		return
	}
	c.Response().Header.SetConnectionClose()
	_ = socket.SetWriteDeadline(time.Now().Add(chunkTimeout))
	w := bufio.NewWriter(socket)
	if err != nil {
		drain(socket)
	}
	if c.Response().Write(w) == nil {
		_ = w.Flush() // who is gone misses it
	}
}
