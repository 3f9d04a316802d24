package api

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hashicorp/go-hclog"
	"github.com/valyala/fasthttp"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/sdk"
)

const (
	maxBody     = 64 << 20 // images travel inside of messages
	readTimeout = time.Minute
	idleTimeout = 75 * time.Second
	// chunkTimeout is for one chunk of a stream, which may last for hours; a client
	// that takes nothing for so long is given up. answerTimeout is for an answer
	// that is no stream.
	chunkTimeout  = 30 * time.Second
	answerTimeout = 2 * time.Minute
)

// Config is what a Server needs.
type Config struct {
	Runtime *core.Runtime
	Version string   // of the program
	Hosts   []string // names besides loopback that a Host header may say
	Log     hclog.Logger
}

// A Server answers HTTP. Make it with New.
type Server struct {
	app     *fiber.App
	runtime *core.Runtime
	config  Config
	log     hclog.Logger
}

// New makes a server with all its routes.
func New(c Config) *Server {
	s := &Server{runtime: c.Runtime, config: c, log: c.Log}
	s.app = fiber.New(fiber.Config{
		AppName:               "enginebay",
		CaseSensitive:         true,
		StrictRouting:         true,
		DisableStartupMessage: true,
		BodyLimit:             maxBody,
		ReadBufferSize:        16 << 10,
		ReadTimeout:           readTimeout,
		WriteTimeout:          answerTimeout,
		IdleTimeout:           idleTimeout,
		ErrorHandler:          s.fail,
	})
	s.app.Use(s.recover, s.guard)
	s.routes()
	return s
}

// routes is the whole API in one place.
func (s *Server) routes() {
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok", "version": s.config.Version}) })

	s.app.Get("/readyz", s.ready)

	v1 := s.app.Group("/v1")
	v1.Get("/events", s.events)
	v1.Get("/models", s.listModels)
	v1.Get("/models/*", s.showModel)
	v1.Put("/models/*", s.changeModel) // …/start and …/stop
	v1.Get("/engines", s.listEngines)
	v1.Get("/plugins", s.listPlugins)
	for _, op := range operations {
		v1.Post("/"+string(op.Operation), s.forward(op))
	}
	for _, op := range []sdk.Operation{sdk.OpTokenize, sdk.OpDetokenize} { // where llama.cpp's clients look for them
		s.app.Post(op.Path(), s.forward(operation{Operation: op, renamed: none, light: true}))
	}
}

// Serve answers on the listener until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.app.Listener(l) }

// Shutdown takes no new connections and waits up to timeout for those that work.
// Streams end only when their models do: close the Runtime first, or at the same time.
func (s *Server) Shutdown(timeout time.Duration) error { return s.app.ShutdownWithTimeout(timeout) }

// fail answers every error.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	answer := translate(err)
	level := hclog.Debug
	if answer.status >= 500 {
		level = hclog.Error
	}
	s.log.Log(level, "request failed", "method", c.Method(), "path", strings.Clone(c.Path()), "status", answer.status, "error", err)
	if answer.after > 0 || answer.status == http.StatusServiceUnavailable {
		c.Set("Retry-After", strconv.Itoa(max(1, int(answer.after.Seconds()))))
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	body := answer.body()
	if strings.HasPrefix(c.Path(), "/v1/"+string(sdk.OpMessages)) {
		body = answer.messagesBody()
	}
	return c.Status(answer.status).Send(body)
}

// recover answers a panic with a fixed text; the stack goes to the log.
func (s *Server) recover(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic", "value", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	return c.Next()
}

// guard refuses what a browser could be tricked into: a page whose name was
// pointed at this machine (its Host is foreign), or a plain form (its type is
// not JSON). Compressed bodies are refused because nothing here unpacks them.
func (s *Server) guard(c *fiber.Ctx) error {
	if ambiguous(c.Request()) {
		c.Response().SetConnectionClose()
		return fault(http.StatusBadRequest, "The request's headers can be read in two ways: it has both Content-Length and Transfer-Encoding, or a header that goes over two lines", "", "invalid_headers")
	}
	if host := string(c.Request().Host()); !s.knows(host) {
		return fault(http.StatusForbidden, fmt.Sprintf("The host %.100q is not one of this server's names; use 127.0.0.1, or start it with --host-name", host), "", "host_not_allowed")
	}
	if len(c.Request().Header.Peek(fiber.HeaderContentEncoding)) > 0 {
		return fault(http.StatusUnsupportedMediaType, "Compressed requests are not taken; send the body as it is", "", "unsupported_encoding")
	}
	if c.Method() == fiber.MethodPost {
		if kind := string(c.Request().Header.ContentType()); !strings.HasPrefix(strings.ToLower(kind), fiber.MIMEApplicationJSON) {
			return fault(http.StatusUnsupportedMediaType, fmt.Sprintf("The content type is %.60q; send application/json", kind), "", "unsupported_content_type")
		}
	}
	return c.Next()
}

// ambiguous says whether a proxy before this server could have seen another
// request in the same bytes. fasthttp takes such ones and keeps the connection.
func ambiguous(r *fasthttp.Request) bool {
	raw := r.Header.RawHeaders()
	if bytes.Contains(raw, []byte("\n ")) || bytes.Contains(raw, []byte("\n\t")) {
		return true
	}
	lower := append([]byte("\n"), bytes.ToLower(raw)...)
	return bytes.Contains(lower, []byte("\ntransfer-encoding:")) && bytes.Contains(lower, []byte("\ncontent-length:"))
}

// knows says whether a Host header names this server: any IP address (no name
// was needed to get here, so none was rebound), localhost, or a configured name.
func (s *Server) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	for _, known := range append([]string{"localhost"}, s.config.Hosts...) {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}
