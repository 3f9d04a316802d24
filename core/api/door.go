package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/enginebay/enginebay/core/keys"
)

// A rule says who may use a route. As soon as there is one key, it is wanted of
// everybody, on this machine too: a proxy in front makes all requests look as if
// they came from here. Without keys the server is for this machine only, and open
// there.
//
// Failed attempts are not counted: a key cannot be guessed, and a refusal takes a
// microsecond.
type rule int

const (
	keyed   rule = iota // whoever has a key
	metered             // as keyed, and it counts against the key's limits
	public              // everybody
)

// A route is one line of the API. Written without the names of the fields, none of
// them can be forgotten.
type route struct {
	method, path string
	rule         rule
	handler      fiber.Handler
}

// add registers a route behind its rule.
func (s *Server) add(r route) {
	if r.method == fiber.MethodGet {
		s.add(route{fiber.MethodHead, r.path, r.rule, headOf(r.handler)})
	}
	s.app.Add(r.method, r.path, func(c *fiber.Ctx) error {
		leave, err := s.admit(c, r.rule)
		if err != nil {
			return err
		}
		defer leave()
		observed(c).caller = caller(c)
		if err := checkBody(c); err != nil {
			return err
		}
		return r.handler(c)
	})
}

// headOf ends a stream before it begins: fasthttp would send the end of one that has
// no body, and the connection's next answer would begin with it.
func headOf(get fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		err := get(c)
		if c.Response().IsBodyStream() {
			c.Response().ResetBody()
		}
		return err
	}
}

// visit is what is known of the caller of a request that showed a key.
type visit struct {
	entry *keys.Entry
	stays bool // the request goes on after its handler has returned
}

// visitKey is the place of the visit among the locals of a request.
type visitKey struct{}

func nothing() {}

// admit lets a request in, or says why not. leave is called when its handler has
// returned.
func (s *Server) admit(c *fiber.Ctx, r rule) (leave func(), err error) {
	if r == public {
		return nothing, nil
	}
	entry, err := s.identify(&c.Request().Header)
	if err != nil || entry == nil {
		return nothing, err
	}
	v := &visit{entry: entry}
	c.Locals(visitKey{}, v)
	if r != metered {
		return nothing, nil
	}
	left, ok := entry.Enter(time.Now())
	tell(c, left)
	if !ok {
		return nothing, overLimit(entry, left.Retry)
	}
	return func() {
		if !v.stays {
			entry.Leave()
		}
	}, nil
}

// stay keeps a request's place among those of its key until leave is called, once:
// a stream ends after its handler has returned.
func stay(c *fiber.Ctx) (leave func()) {
	v, ok := c.Locals(visitKey{}).(*visit)
	if !ok {
		return nothing
	}
	v.stays = true
	return v.entry.Leave
}

// caller tells those who use the server apart: by key, or else by address.
func caller(c *fiber.Ctx) string {
	if v, ok := c.Locals(visitKey{}).(*visit); ok {
		return v.entry.ID
	}
	return "ip:" + c.IP()
}

// showedKey says whether the caller of a request showed an API key.
func showedKey(c *fiber.Ctx) bool {
	_, ok := c.Locals(visitKey{}).(*visit)
	return ok
}

// tell sets the headers that OpenAI's clients read of a limit.
func tell(c *fiber.Ctx, left keys.Allowance) {
	if left.Limit == 0 {
		return
	}
	c.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(left.Limit))
	c.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(left.Remaining))
	c.Set("X-Ratelimit-Reset-Requests", left.Reset.Round(time.Millisecond).String())
}

func overLimit(e *keys.Entry, retry time.Duration) error {
	var limits string
	switch {
	case e.RPM > 0 && e.Concurrency > 0:
		limits = fmt.Sprintf("%d requests a minute, %d at once", e.RPM, e.Concurrency)
	case e.RPM > 0:
		limits = fmt.Sprintf("%d requests a minute", e.RPM)
	default:
		limits = fmt.Sprintf("%d requests at once", e.Concurrency)
	}
	answer := fault(http.StatusTooManyRequests, fmt.Sprintf("The limit of the API key '%s' is reached: %s", e.Name, limits), "", "rate_limit_exceeded")
	answer.after = retry
	return answer
}

// identify finds the key of a request. Where none is wanted, there is no entry.
func (s *Server) identify(h *fasthttp.RequestHeader) (*keys.Entry, error) {
	secret, err := token(h)
	if err != nil {
		return nil, err
	}
	entry, err := (*keys.Entry)(nil), error(keys.ErrNone)
	if s.config.Keys != nil {
		entry, err = s.config.Keys.Find(secret, time.Now())
	}
	switch {
	case err == nil:
		return entry, nil
	case errors.Is(err, keys.ErrNone) && s.local.Load():
		return nil, nil
	case errors.Is(err, keys.ErrNone):
		return nil, unauthorized("This server has no API key, and without one it answers this machine only; who runs it makes one with: enginebay key create NAME")
	case errors.Is(err, keys.ErrExpired):
		return nil, unauthorized("The API key has expired; who runs the server makes a new one with: enginebay key create NAME")
	case len(secret) == 0:
		return nil, unauthorized("This server wants an API key; send one as: Authorization: Bearer KEY")
	}
	return nil, unauthorized("The API key is not one of this server's; send one as: Authorization: Bearer KEY")
}

func unauthorized(message string) error {
	return fault(http.StatusUnauthorized, message, "", "invalid_api_key")
}

// token is the key that a request shows: as OpenAI's clients do, or as Anthropic's.
// What is no key at all is left to [keys.Ring.Find].
func token(h *fasthttp.RequestHeader) ([]byte, error) {
	switch values := h.PeekAll(fiber.HeaderAuthorization); len(values) {
	case 0:
		return h.Peek("X-Api-Key"), nil
	case 1:
		scheme, secret, _ := bytes.Cut(values[0], []byte(" "))
		if !bytes.EqualFold(scheme, []byte("Bearer")) {
			return nil, nil
		}
		return bytes.Trim(secret, " "), nil
	}
	return nil, fault(http.StatusBadRequest, "The request has more than one Authorization header", "", "invalid_headers")
}
