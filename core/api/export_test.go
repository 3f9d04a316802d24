package api

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/enginebay/enginebay/sdk"
)

// Registered is every route that answers, as Fiber has it: method and path.
func (s *Server) Registered() [][2]string {
	var all [][2]string
	for _, r := range s.app.GetRoutes(true) {
		all = append(all, [2]string{r.Method, r.Path})
	}
	return all
}

// Declared says of every route in the table whether it is public.
func (s *Server) Declared() map[[2]string]bool {
	all := map[[2]string]bool{}
	for _, r := range s.routes() {
		all[[2]string{r.method, r.path}] = r.rule == public
	}
	return all
}

// AddEmpty adds routes that do nothing, to measure what stands before a handler.
func (s *Server) AddEmpty() {
	empty := func(*fiber.Ctx) error { return nil }
	s.add(route{"POST", "/empty/metered", metered, empty})
	s.app.Post("/empty/bare", empty)
}

// Handle answers one request without a connection.
func (s *Server) Handle() fasthttp.RequestHandler {
	s.app.Handler() // it puts new routes in place
	return s.app.Server().Handler
}

// With is a request's body with the defaults that it lacks.
func With(body string, defaults map[string]any) ([]byte, error) {
	r, err := parse([]byte(body))
	if err != nil {
		return nil, err
	}
	return r.with(defaults), nil
}

// Fit makes an engine's text one that a client may see.
func Fit(said string) string { return fit(said) }

// EngineFailed finds an error in the events of an operation's stream.
func EngineFailed(op sdk.Operation, events string) (at int, e *apiError) {
	return engineFailed(operation{Operation: op}, "m", []byte(events))
}

// SetStall sets how long an upload may send nothing.
func (s *Server) SetStall(d time.Duration) { s.stall = d }

// SetHeartbeat sets how long a stream of a run's events is silent at most.
func (s *Server) SetHeartbeat(d time.Duration) { s.beat = d }

// SetMaxFile sets how large an uploaded file may be.
func (s *Server) SetMaxFile(n int64) { s.maxFile = n }
