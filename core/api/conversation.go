package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
)

// conversationRoutes are those of assistants, threads, files and responses. A path that
// is written out stands before one with a variable in that place.
func (s *Server) conversationRoutes() []route {
	if s.config.Conversations == nil {
		return nil
	}
	return slices.Concat( // one for each group
		s.runRoutes(),
		s.responseRoutes(),
		s.fileRoutes(),
		s.assistantRoutes(),
		s.threadRoutes(),
		s.messageRoutes(),
	)
}

// owner is on whose behalf a request asks the store: its key's. An administrator's key
// sees what all have made, and so does everybody where no key is wanted.
func (s *Server) owner(c *fiber.Ctx) conversation.Owner {
	v, ok := c.Locals(visitKey{}).(*visit)
	if !ok {
		return conversation.Owner{All: true}
	}
	return conversation.Owner{ID: v.entry.ID, All: v.entry.Admin}
}

// storeTimeout is how long a request waits for the database: for a place among those
// that write, too.
const storeTimeout = 30 * time.Second

// asking is the context of a question to the store. A client that leaves does not end
// it: what it has sent is kept.
func asking() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), storeTimeout)
}

// maxThread is how large a thread with its messages may be, in bytes, where the setting
// max_body allows as much.
const maxThread = 1 << 30

// bodyOf is a request's body. The Read functions of conversation copy what they keep.
func bodyOf(c *fiber.Ctx, most int) ([]byte, error) {
	body := c.Request().Body()
	if len(body) > most {
		return nil, fault(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is too large; here it may have %d MiB", most>>20), "", "request_too_large")
	}
	return body, nil
}

// pathID is the id of an object of that kind in a request's path; the last word of the
// kind is the variable's name.
func pathID(c *fiber.Ctx, kind string) (string, error) {
	name := kind[strings.LastIndexByte(kind, ' ')+1:]
	id, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return "", &conversation.Missing{Kind: kind, ID: strings.Clone(c.Params(name))}
	}
	return strings.Clone(id), nil
}

// page is which part of a list a request wants.
func page(c *fiber.Ctx) (conversation.Page, error) {
	p := conversation.Page{After: strings.Clone(c.Query("after")), Before: strings.Clone(c.Query("before"))}
	var err error
	if p.Limit, err = strconv.Atoi(c.Query("limit", "20")); err != nil || p.Limit < 1 || p.Limit > 100 {
		return p, fault(http.StatusBadRequest, "limit is a number from 1 to 100", "limit", "invalid_value")
	}
	switch order := c.Query("order", "desc"); order {
	case "asc", "desc":
		p.Ascending = order == "asc"
	default:
		return p, fault(http.StatusBadRequest, "order is asc or desc", "order", "invalid_value")
	}
	return p, nil
}

// sendPage answers with a part of a list, of which all asks the store.
func sendPage[T any](c *fiber.Ctx, all func(context.Context, conversation.Page) (conversation.List[T], error)) error {
	p, err := page(c)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	found, err := all(ctx, p)
	if err != nil {
		return err
	}
	return c.JSON(found)
}

// orJSON answers with an object, or with the error where there is one.
func orJSON(c *fiber.Ctx, object any, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(object)
}

// deletion answers DELETE of an object of that kind, which is the variable in the path.
func (s *Server) deletion(kind string, remove func(ctx context.Context, o conversation.Owner, id string) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id, err := pathID(c, kind)
		if err != nil {
			return err
		}
		ctx, done := asking()
		defer done()
		if err := remove(ctx, s.owner(c), id); err != nil {
			return err
		}
		return deleted(c, id, kind)
	}
}

// deleted answers the deletion of an object; kind is as OpenAI calls it: thread.
func deleted(c *fiber.Ctx, id, kind string) error {
	return c.JSON(fiber.Map{"id": id, "object": kind + ".deleted", "deleted": true})
}

// kept is the answer to an error of the store, or of what it is asked to keep; nil where
// it is none of those. As in all answers, no full stop ends the message.
func kept(err error) *apiError {
	var missing *conversation.Missing
	var field *conversation.FieldError
	switch {
	case errors.As(err, &missing):
		return fault(http.StatusNotFound, strings.TrimSuffix(missing.Error(), "."), "", "not_found")
	case errors.As(err, &field):
		return fault(http.StatusBadRequest, strings.TrimSuffix(field.Message, "."), field.Param, "invalid_value")
	case errors.Is(err, conversation.ErrBusy):
		return fault(http.StatusBadRequest, "The thread has an unfinished run; wait for its end, or cancel it", "", "thread_has_active_run")
	case errors.Is(err, conversation.ErrExists):
		return fault(http.StatusConflict, "It is here already", "", "already_exists")
	}
	return nil
}
