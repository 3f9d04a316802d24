package api

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// strangersBody is how large a body is taken from who has shown no key: the
// refusal does not wait for it, and many at once cannot fill the memory.
const strangersBody = 64 << 10

// received looks at a request's headers before its body is read.
func (s *Server) received(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	config := fasthttp.RequestConfig{MaxRequestBodySize: s.policy.Load().maxBody}
	if holds(h) {
		if _, err := s.identify(h); err == nil {
			hold(h)
			return config
		}
	}
	if n := h.ContentLength(); n == -1 || n > strangersBody {
		config.ReadTimeout = bodyTimeout
		if _, err := s.identify(h); err != nil {
			config.MaxRequestBodySize = min(config.MaxRequestBodySize, strangersBody)
		}
	}
	return config
}

// tooLarge says what stands against a request whose body fasthttp has not read: it
// came by no guard. Of a body in chunks it has forgotten the headers.
func (s *Server) tooLarge(c *fiber.Ctx) error {
	drain(c.Context().Conn())
	if len(c.Request().Header.RawHeaders()) > 0 {
		if err := s.checkSource(c); err != nil {
			return err
		}
		if _, err := s.identify(&c.Request().Header); err != nil {
			return err
		}
	}
	return fault(http.StatusRequestEntityTooLarge, "The request is too large; who runs the server raises the limit with max_body. Where an API key is wanted, a request without one may have 64 KiB", "", "request_too_large")
}

// drain drops what is left of a body. Most clients read an answer only when they
// have sent all, and are cut off from it when the connection closes before.
func drain(conn net.Conn) {
	b := make([]byte, 32<<10)
	for end := time.Now().Add(readTimeout); time.Now().Before(end); {
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := conn.Read(b); err != nil {
			return
		}
	}
}

// checkBody wants JSON, and a form only where one is expected: a form on any page
// can send texts and files to any server.
func checkBody(c *fiber.Ctx) error {
	if len(c.Request().Body()) == 0 {
		return nil
	}
	kind, _, _ := bytes.Cut(c.Request().Header.ContentType(), []byte(";"))
	kind = bytes.TrimSpace(kind)
	switch {
	case bytes.EqualFold(kind, []byte(fiber.MIMEApplicationJSON)):
		return nil
	case c.Method() == fiber.MethodPatch && bytes.EqualFold(kind, []byte("application/merge-patch+json")):
		return nil
	case !takesForm(c.Path()):
		return fault(http.StatusUnsupportedMediaType, fmt.Sprintf("The content type is %.60q; send application/json", kind), "", "unsupported_content_type")
	case bytes.EqualFold(kind, []byte(fiber.MIMEMultipartForm)):
		return nil
	}
	return fault(http.StatusUnsupportedMediaType, fmt.Sprintf("The content type is %.60q; send multipart/form-data", kind), "", "unsupported_content_type")
}

func takesForm(path string) bool {
	return slices.ContainsFunc(operations, func(op operation) bool { return op.form && path == op.Path() })
}
