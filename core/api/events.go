package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core"
)

// heartbeat is how often a stream of events says that it lives: proxies cut what
// is silent for longer.
const heartbeat = 15 * time.Second

// ready answers GET /readyz: whether requests are taken.
func (s *Server) ready(c *fiber.Ctx) error {
	if s.runtime.Closed() {
		return fault(http.StatusServiceUnavailable, "The server is shutting down", "", "unavailable")
	}
	return c.JSON(fiber.Map{"status": "ready"})
}

// events answers GET /v1/events: what happens, as server-sent events. A client that
// was cut off sends the Last-Event-ID, as browsers do by themselves, and misses nothing.
func (s *Server) events(c *fiber.Ctx) error {
	last := c.Get("Last-Event-ID", c.Query("after"))
	after, err := strconv.ParseUint(last, 10, 64)
	if last != "" && err != nil {
		return fault(http.StatusBadRequest, "The id of the last event must be a number, as in an event's field 'id'", "after", "invalid_value")
	}
	if err := streamable(c); err != nil {
		return err
	}
	sub, err := s.runtime.Subscribe(after)
	if err != nil {
		return err
	}
	ctx, done := clientContext(c.Context().Conn())
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Response().ImmediateHeaderFlush = true
	c.Response().SetBodyStream(&eventStream{ctx: ctx, done: done, conn: c.Context().Conn(), sub: sub,
		rest: []byte(": events\n\n")}, -1)
	return nil
}

// eventStream is read by fasthttp, which flushes what each Read returns.
type eventStream struct {
	ctx  context.Context // ends when the client has left
	done func()
	conn net.Conn
	sub  *core.Subscription
	rest []byte // of an event that did not fit
}

// Read implements io.Reader.
func (s *eventStream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		select {
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		case event, ok := <-s.sub.C:
			if !ok {
				return 0, io.EOF
			}
			s.rest = encodeEvent(event)
		case <-time.After(heartbeat):
			s.rest = []byte(": alive\n\n")
		}
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(chunkTimeout))
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close implements io.Closer; fasthttp calls it at every end.
func (s *eventStream) Close() error {
	s.sub.Close()
	s.done()
	_ = s.conn.SetWriteDeadline(time.Time{})
	return nil
}

func encodeEvent(e core.Event) []byte {
	var b bytes.Buffer
	data, _ := json.Marshal(e) // of texts and numbers: it cannot fail
	fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
	return b.Bytes()
}
