package api

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// allMethods are those that routes take.
const allMethods = "GET, POST, PUT, PATCH, DELETE"

// guard refuses what a browser could be tricked into, before any route is looked
// for: a page whose name was pointed at this machine (its Host is foreign), and a
// page of somebody else (its Origin is). Compressed bodies are refused because
// nothing here unpacks them.
func (s *Server) guard(c *fiber.Ctx) error {
	if err := s.checkSource(c); err != nil {
		return err
	}
	if len(s.policy.Load().origins) > 0 && preflight(c) {
		return nil
	}
	if len(c.Request().Header.Peek(fiber.HeaderContentEncoding)) > 0 {
		return fault(http.StatusUnsupportedMediaType, "Compressed requests are not taken; send the body as it is", "", "unsupported_encoding")
	}
	return c.Next()
}

// checkSource refuses what did not come from whom it seems to.
func (s *Server) checkSource(c *fiber.Ctx) error {
	r := c.Request()
	if ambiguous(r.Header.RawHeaders()) {
		c.Response().SetConnectionClose()
		return fault(http.StatusBadRequest, "The request's headers can be read in two ways: it has both Content-Length and Transfer-Encoding, or a header that goes over two lines", "", "invalid_headers")
	}
	p := s.policy.Load()
	host := string(r.Host())
	if !p.knows(host) {
		return fault(http.StatusForbidden, fmt.Sprintf("The host %.100q is not one of this server's names; use 127.0.0.1, or start it with --host-name", host), "", "host_not_allowed")
	}
	return p.checkOrigin(c, host)
}

// ambiguous says whether a proxy before this server could have seen another
// request in the same headers. fasthttp takes such ones and keeps the connection.
func ambiguous(raw []byte) bool {
	length, encoding := false, false
	for line := range bytes.Lines(raw) {
		if line[0] == ' ' || line[0] == '\t' {
			return true
		}
		switch colon := bytes.IndexByte(line, ':'); colon {
		case len("Content-Length"):
			length = length || bytes.EqualFold(line[:colon], []byte("Content-Length"))
		case len("Transfer-Encoding"):
			encoding = encoding || bytes.EqualFold(line[:colon], []byte("Transfer-Encoding"))
		}
	}
	return length && encoding
}

// checkOrigin refuses the pages of others and tells a browser which may read the
// answer. A browser sends no Origin where a page only shows something (an image, a
// script); then Sec-Fetch-Site tells that it is another's. There are no cookies
// here, so no answer is ever for a page with credentials.
func (p *policy) checkOrigin(c *fiber.Ctx, host string) error {
	if len(p.origins) > 0 {
		c.Set(fiber.HeaderVary, fiber.HeaderOrigin)
	}
	origin := string(c.Request().Header.Peek(fiber.HeaderOrigin))
	if origin == "" {
		switch site := string(c.Request().Header.Peek("Sec-Fetch-Site")); site {
		case "cross-site", "same-site":
			return fault(http.StatusForbidden, "A page of another server may not use this one", "", "origin_not_allowed")
		}
		return nil
	}
	if !p.allows(origin, host) {
		return fault(http.StatusForbidden, fmt.Sprintf("Pages of %.100q may not use this server; to allow them, add it to origins in enginebay.yaml", origin), "", "origin_not_allowed")
	}
	if len(p.origins) > 0 {
		c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
		c.Set(fiber.HeaderAccessControlExposeHeaders, "*")
	}
	return nil
}

// preflight answers a browser's question whether a page may send a request. Which
// headers it may have is what it asks for: whoever is allowed here may send any.
func preflight(c *fiber.Ctx) bool {
	h := &c.Request().Header
	if c.Method() != fiber.MethodOptions || len(h.Peek(fiber.HeaderOrigin)) == 0 || len(h.Peek(fiber.HeaderAccessControlRequestMethod)) == 0 {
		return false
	}
	c.Set(fiber.HeaderVary, "Origin, Access-Control-Request-Headers")
	c.Set(fiber.HeaderAccessControlAllowMethods, allMethods)
	c.Set(fiber.HeaderAccessControlMaxAge, "7200") // no browser keeps it longer than Chrome's two hours
	if asked := h.Peek(fiber.HeaderAccessControlRequestHeaders); len(asked) > 0 {
		c.Response().Header.SetBytesV(fiber.HeaderAccessControlAllowHeaders, asked)
	}
	c.Status(http.StatusNoContent)
	return true
}

// methods answers a method that Fiber does not know, which it would in its own form.
func (s *Server) methods(serve fasthttp.RequestHandler) fasthttp.RequestHandler {
	known := map[string]bool{}
	for _, method := range fiber.DefaultMethods {
		known[method] = true
	}
	return func(ctx *fasthttp.RequestCtx) {
		if known[string(ctx.Method())] {
			serve(ctx)
			return
		}
		c := s.app.AcquireCtx(ctx)
		defer s.app.ReleaseCtx(c)
		c.Set(fiber.HeaderAllow, allMethods)
		_ = s.unread(c, fiber.ErrMethodNotAllowed) // it has answered
	}
}
