package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core"
)

// stream passes a server-sent stream from the engine to a client, or to a run. Of a
// client fasthttp reads it on the connection's own goroutine and flushes what each
// Read returns, so a token waits for nothing.
//
// When the engine breaks off, the client gets an event that says so, and no
// [DONE]. When the client leaves, fasthttp's write fails, it closes the stream,
// and the engine's connection is closed in turn.
type stream struct {
	ctx   context.Context // ends when the client has left
	conn  net.Conn        // of the client; nil for a run
	lease *core.Lease     // is released at the end
	op    operation
	body  io.ReadCloser
	log   hclog.Logger
	seen  *observation
	done  func() // is called at the end
	once  sync.Once

	status int    // as it turned out; 0 until the end has come
	tail   []byte // an event still to be sent after the engine broke off
	over   bool

	extended time.Time // the write deadline was, at last
}

// Read implements io.Reader. A panic on this goroutine would end the process.
func (s *stream) Read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic", "value", fmt.Sprint(r), "stack", string(debug.Stack()), "request_id", s.seen.id)
			n, err, s.status = 0, io.ErrUnexpectedEOF, http.StatusInternalServerError
		}
	}()
	if len(s.tail) > 0 {
		n = copy(p, s.tail)
		s.tail = s.tail[n:]
		return n, nil
	}
	if s.over {
		return 0, io.EOF
	}
	n, err = s.body.Read(p)
	if at, said := engineFailed(s.op, s.lease.Model(), p[:n]); said != nil {
		s.tail, s.status = s.op.breakOff(said), said.status
		s.over, n, err = true, at, nil
		if n == 0 {
			n = copy(p, s.tail)
			s.tail = s.tail[n:]
		}
	}
	s.seen.bytes(p[:n])
	if err != nil && s.ctx.Err() != nil {
		return 0, err
	}
	if err == io.EOF {
		s.status = http.StatusOK
	} else if err != nil {
		s.log.Warn("a stream was broken off", "model", s.lease.Model(), "error", err, "request_id", s.seen.id)
		answer := translate(broken(s.ctx, s.lease, err))
		s.tail, s.status = s.op.breakOff(answer), answer.status
		s.over, err = true, nil
	}
	s.extend(time.Now())
	return n, err
}

// extend gives the client time to take what comes now. Within a few seconds it
// has been given already: to do it at each token costs more than the token.
func (s *stream) extend(now time.Time) {
	if s.conn != nil && now.Sub(s.extended) > chunkTimeout/8 {
		s.extended = now
		_ = s.conn.SetWriteDeadline(now.Add(chunkTimeout))
	}
}

// Close implements io.Closer; fasthttp calls it at every end.
func (s *stream) Close() error {
	s.once.Do(func() {
		s.body.Close() // before the engine's slot goes to another
		s.lease.Release()
		s.done()
		s.seen.end(cmp.Or(s.status, s.seen.left()))
		if s.conn != nil {
			_ = s.conn.SetWriteDeadline(time.Time{})
		}
	})
	return nil
}

// streamable refuses a stream to a client that could not read it: HTTP/1.0 has no
// chunks.
func streamable(c *fiber.Ctx) error {
	if !c.Request().Header.IsHTTP11() {
		return fault(http.StatusBadRequest, "A stream needs HTTP/1.1; ask for a whole answer, or have your proxy speak HTTP/1.1", "stream", "unsupported_http_version")
	}
	return nil
}
