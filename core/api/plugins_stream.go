package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/install"
)

// workProgress is how far an install is.
type workProgress struct {
	Step  string  `json:"step"` // downloading, verifying, trying, switching
	Done  int64   `json:"done"`
	Total int64   `json:"total"` // 0 where it is not known
	Speed float64 `json:"speed"` // bytes a second
	ETA   *int64  `json:"eta"`   // seconds; null where it is not known
}

func workProgressOf(p install.Progress) workProgress {
	shown := workProgress{Step: p.Step, Done: p.Done, Total: p.Total, Speed: p.Speed}
	if p.ETA >= 0 && p.Total > 0 {
		seconds := int64(p.ETA.Seconds())
		shown.ETA = &seconds
	}
	return shown
}

// workStream are the events of some work: progress, and at last a result or an error.
// fasthttp reads it, and flushes what each Read returns.
type workStream struct {
	observation *observation
	conn        net.Conn
	events      chan []byte // closed when the work is over
	cancel      func()      // calls the work off; returns when it is over
	rest        []byte      // of an event that did not fit
	status      int         // that a whole answer would have had
}

// streamWork answers with the events of some work.
func (s *Server) streamWork(c *fiber.Ctx, do func(context.Context, func(install.Progress)) (any, error)) error {
	if err := streamable(c); err != nil {
		return err
	}
	o, conn := observed(c), c.Context().Conn()
	client, left := clientContext(conn)
	ctx, cancel := s.working(o.within(client))
	w := &workStream{observation: o, conn: conn, events: make(chan []byte, 64), rest: []byte(": working\n\n"), status: http.StatusOK}
	over := make(chan struct{})
	w.cancel = func() {
		cancel()
		<-over
		left()
	}
	go func() {
		defer close(over)
		defer close(w.events)
		last := s.lastEvent(o, ctx, w, do)
		w.events <- last // there is always room: progress leaves a place
	}()
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Response().ImmediateHeaderFlush = true
	c.Response().SetBodyStream(w, -1)
	o.goesOn()
	return nil
}

// lastEvent does the work, and makes the event that the stream ends with.
func (s *Server) lastEvent(o *observation, ctx context.Context, w *workStream, do func(context.Context, func(install.Progress)) (any, error)) []byte {
	result, err := func() (result any, err error) {
		defer s.caught(o, &err)
		return do(ctx, w.progress)
	}()
	if err == nil {
		return workEvent("result", result)
	}
	o.err = err
	answer := translate(s.workFault(err))
	if w.status = answer.status; answer.status == http.StatusInternalServerError {
		answer.Message += "; the request's id is " + o.id
	}
	return workEvent("error", map[string]*apiError{"error": answer})
}

// progress sends how far the work is; a client that does not keep up misses some.
func (w *workStream) progress(p install.Progress) {
	if len(w.events) < cap(w.events)-1 {
		w.events <- workEvent("progress", workProgressOf(p))
	}
}

func workEvent(name string, value any) []byte {
	var b bytes.Buffer
	data, _ := json.Marshal(value) // of texts and numbers: it cannot fail
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", name, data)
	return b.Bytes()
}

// Read implements io.Reader.
func (w *workStream) Read(p []byte) (int, error) {
	if len(w.rest) == 0 {
		select {
		case event, ok := <-w.events:
			if !ok {
				return 0, io.EOF
			}
			w.rest = event
		case <-time.After(heartbeat):
			w.rest = []byte(": alive\n\n")
		}
	}
	_ = w.conn.SetWriteDeadline(time.Now().Add(chunkTimeout))
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// Close implements io.Closer; fasthttp calls it at every end. What is not over is
// called off: the client has left.
func (w *workStream) Close() error {
	w.cancel()
	_ = w.conn.SetWriteDeadline(time.Time{})
	w.observation.end(w.status)
	return nil
}
