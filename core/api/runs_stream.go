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

	"github.com/enginebay/enginebay/core/runs"
)

// runStream are the events of a run on their way to a client. fasthttp reads it, and
// flushes what each Read returns. A client that leaves is noticed at once, and cancels
// the run.
type runStream struct {
	seen   *observation
	conn   net.Conn
	client context.Context // ends when the client has left
	left   func()          // ends client
	events *runs.Events
	ready  chan []byte   // events as they are sent; closed at their end
	over   chan struct{} // closed when nobody fills ready any more
	rest   []byte        // of events that did not fit
	status int
}

// lastEvent is the one that a stream ends with.
var lastEvent = []byte("event: done\ndata: [DONE]\n\n")

// readyEvents is how many events are made ready for a client before it takes them.
const readyEvents = 64

// streamRun answers with the events of a run.
func streamRun(c *fiber.Ctx, events *runs.Events) {
	r := &runStream{seen: observed(c), conn: c.Context().Conn(), events: events,
		ready: make(chan []byte, readyEvents), over: make(chan struct{}), status: statusClientGone}
	r.client, r.left = clientContext(r.conn)
	go r.fill()
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Response().ImmediateHeaderFlush = true
	c.Response().SetBodyStream(r, -1)
	r.seen.goesOn()
}

// fill makes events ready until their end, or until Close.
func (r *runStream) fill() {
	defer close(r.over)
	defer close(r.ready)
	for {
		event, ok := r.events.Next()
		if !ok {
			r.ready <- lastEvent
			return
		}
		data, err := json.Marshal(event.Data)
		if err != nil { // an object that JSON cannot hold is a fault of ours
			r.seen.server.log.Error("an event of a run was not sent", "event", event.Name, "error", err, "request_id", r.seen.id)
			continue
		}
		r.ready <- fmt.Appendf(make([]byte, 0, len(data)+len(event.Name)+20), "event: %s\ndata: %s\n\n", event.Name, data)
	}
}

// Read implements io.Reader.
func (r *runStream) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if err := r.wait(); err != nil {
			return 0, err
		}
	}
	_ = r.conn.SetWriteDeadline(time.Now().Add(chunkTimeout))
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	for n < len(p) && len(r.ready) > 0 { // what has come meanwhile goes along
		r.rest = <-r.ready
		more := copy(p[n:], r.rest)
		n, r.rest = n+more, r.rest[more:]
	}
	if bytes.HasSuffix(p[:n], lastEvent) { // many clients close the connection here
		r.status = http.StatusOK
	}
	return n, nil
}

func (r *runStream) wait() error {
	silence := time.NewTimer(r.seen.server.beat)
	defer silence.Stop()
	select {
	case event, ok := <-r.ready:
		if !ok {
			r.status = http.StatusOK
			return io.EOF
		}
		r.rest = event
	case <-r.client.Done():
		return r.client.Err()
	case <-silence.C:
		r.rest = []byte(": alive\n\n")
	}
	return nil
}

// Close implements io.Closer; fasthttp calls it at every end.
func (r *runStream) Close() error {
	r.events.Close()
	for range r.ready { // until fill has seen it
	}
	<-r.over
	r.left()
	_ = r.conn.SetWriteDeadline(time.Time{})
	r.seen.end(r.status)
	return nil
}
