package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/metrics"
	"github.com/enginebay/enginebay/sdk"
)

// An observation follows one request from its arrival to the last byte of its
// answer, and tells the metrics and the log of it. It belongs to one goroutine at a
// time: the handler's, then that which sends the stream.
type observation struct {
	server *Server
	id     string // of the request
	method string
	path   string // until the handler returns, a part of the request
	route  string // the pattern that the path fits; empty where there is none
	caller string
	model  string // that answers; empty where no model does
	asked  string // the model that the body names, which need not exist
	began  time.Time
	first  time.Duration // until the first byte of a stream; 0 for what is none
	stream bool          // see goesOn
	err    error
	tokens metrics.Tokens
	span   trace.Span  // nil without traces
	lease  *core.Lease // that answers; nil where none does. What the request took is counted for its engine
}

// observe is the outermost handler: every answer gets its headers here, and every
// error its form.
func (s *Server) observe(c *fiber.Ctx) error {
	o := s.begin(c, c.Route().Method)
	err := c.Next()
	if route := c.Route().Path; route != "/" { // which all requests pass
		o.route = route
	}
	if err != nil && holds(&c.Request().Header) {
		refuse(c)
	}
	o.answer(c, err)
	if cap(c.Request().Body()) > keptBody {
		c.Request().SwapBody(nil)
	}
	return nil
}

// keptBody is how much memory a connection keeps for the body of its next request;
// it would keep that of the largest, as long as it is open.
const keptBody = 256 << 10

// unread answers a request that came to no handler: one that breaks the rules of
// HTTP, or that is too large.
func (s *Server) unread(c *fiber.Ctx, err error) error {
	o := s.begin(c, strings.Clone(c.Method()))
	o.answer(c, err)
	return nil
}

func (s *Server) begin(c *fiber.Ctx, method string) *observation {
	o := &observation{server: s, id: requestID(c), method: method, path: c.Path(), began: time.Now()}
	c.Locals(observationKey{}, o)
	c.Response().Header.SetCanonical(idHeader, []byte(o.id))
	s.metrics.Began()
	o.beginSpan(c)
	return o
}

// beginRun is begin for what a run asks a model.
func (s *Server) beginRun(ctx context.Context, id, caller string) *observation {
	o := &observation{server: s, id: id, method: runMethod, path: sdk.OpChat.Path(), route: sdk.OpChat.Path(), caller: caller, began: time.Now()}
	s.metrics.Began()
	o.beginInnerSpan(ctx)
	return o
}

// runMethod stands where others have their HTTP method, so that what runs ask is told
// from what clients do, and is counted as that is.
const runMethod = "RUN"

// answer completes the head of the answer, which is an error's where err is one;
// what is no stream ends here.
func (o *observation) answer(c *fiber.Ctx, err error) {
	if o.err = err; err != nil {
		o.server.fail(c, err)
	}
	var ms [20]byte
	took := time.Since(o.began)
	c.Response().Header.SetCanonical(tookHeader, strconv.AppendInt(ms[:0], took.Milliseconds(), 10))
	if !o.stream {
		o.tell(c.Response().StatusCode(), took)
	}
}

// The headers that every answer has, as they are written.
var idHeader, tookHeader = []byte("X-Request-Id"), []byte("Openai-Processing-Ms")

type observationKey struct{}

// observed returns the observation of a request.
func observed(c *fiber.Ctx) *observation {
	o, _ := c.Locals(observationKey{}).(*observation)
	return o
}

// goesOn says that the answer is a stream, which goes on when the handler has
// returned; its end calls end.
func (o *observation) goesOn() {
	o.stream, o.path = true, strings.Clone(o.path)
}

// bytes looks at what a stream has just sent.
func (o *observation) bytes(p []byte) {
	if o.first == 0 && len(p) > 0 {
		o.first = time.Since(o.began)
		o.spanEvent("first byte")
	}
	o.tokens.Chunk(p)
}

// left is the status of a stream whose client has closed the connection: many do
// so at the last event, and miss nothing.
func (o *observation) left() int {
	if o.tokens.Done() {
		return http.StatusOK
	}
	return statusClientGone
}

// end is called when a stream is over.
func (o *observation) end(status int) { o.tell(status, time.Since(o.began)) }

// tell tells of a request that is answered.
func (o *observation) tell(status int, took time.Duration) {
	key := metrics.Key{Route: o.route}
	if o.route != "" { // else the method may be anything
		key.Method = o.method
	}
	if o.model == "" && o.asked != "" {
		if m, err := o.server.runtime.Model(o.asked); err == nil { // it exists, but was not loaded
			o.model = m.ID
		}
	}
	key.Model = o.model
	input, output := o.tokens.Count()
	o.server.metrics.Ended(key, metrics.Answer{Status: status, Took: took, First: o.first, Input: input, Output: output})
	if o.lease != nil {
		o.lease.Spend(status, input, output)
	}
	o.endSpan(status, input, output)
	if level := levelOf(status); o.server.log.GetLevel() <= level {
		o.log(level, status, took)
	}
}

// log writes the one line that the log has of a request: no body and no secret.
func (o *observation) log(level hclog.Level, status int, took time.Duration) {
	facts := []any{"method", o.method, "path", o.path, "status", status, "took", took.Round(time.Microsecond), "request_id", o.id}
	for _, more := range [][2]string{{"model", o.model}, {"caller", o.caller}} {
		if more[1] != "" {
			facts = append(facts, more[0], more[1])
		}
	}
	if o.err != nil {
		facts = append(facts, "error", o.err)
	}
	o.server.log.Log(level, "request", facts...)
}

// levelOf is the level of a request's line.
func levelOf(status int) hclog.Level {
	switch {
	case status == http.StatusInternalServerError:
		return hclog.Error
	case status > http.StatusInternalServerError:
		return hclog.Info
	}
	return hclog.Debug
}
