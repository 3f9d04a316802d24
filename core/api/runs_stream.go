package api

import (
	"bytes"
	"context"
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

	silence  *time.Timer
	extended time.Time // the write deadline was, at last
}

// lastEvent is the one that a stream ends with.
var lastEvent = []byte("event: done\ndata: [DONE]\n\n")

const (
	readyEvents = 64  // that are made ready for a client before it takes them
	eventSize   = 256 // bytes of most events: a word of the answer, and what is around it
)

// streamRun answers with the events of a run.
func streamRun(c *fiber.Ctx, events *runs.Events) {
	r := &runStream{seen: observed(c), conn: c.Context().Conn(), events: events,
		ready: make(chan []byte, readyEvents), over: make(chan struct{}), status: statusClientGone, silence: time.NewTimer(0)}
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
		sent, err := event.Append(make([]byte, 0, eventSize))
		if err != nil {
			r.seen.server.log.Error("an event of a run was not sent", "event", event.Name, "error", err, "request_id", r.seen.id)
			continue
		}
		r.ready <- sent
	}
}

// Read implements io.Reader.
func (r *runStream) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if err := r.wait(); err != nil {
			return 0, err
		}
	}
	r.extend()
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

// extend gives the client time to take what comes now, as [stream.extend] does.
func (r *runStream) extend() {
	if now := time.Now(); now.Sub(r.extended) > chunkTimeout/8 {
		r.extended = now
		_ = r.conn.SetWriteDeadline(now.Add(chunkTimeout))
	}
}

func (r *runStream) wait() error {
	r.silence.Reset(r.seen.server.beat)
	select {
	case event, ok := <-r.ready:
		if !ok {
			r.status = http.StatusOK
			return io.EOF
		}
		r.rest = event
	case <-r.client.Done():
		return r.client.Err()
	case <-r.silence.C:
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
	r.silence.Stop()
	r.left()
	_ = r.conn.SetWriteDeadline(time.Time{})
	r.seen.end(r.status)
	return nil
}
