package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
)

// exportThread answers GET /v1/threads/{thread}/export: all of it as JSON, which can be
// imported again, or ?format=markdown, to be read.
func (s *Server) exportThread(c *fiber.Ctx) error {
	id, err := pathID(c, "thread")
	if err != nil {
		return err
	}
	format := c.Query("format", "json")
	if format != "json" && format != "markdown" {
		return fault(http.StatusBadRequest, "format is json or markdown", "format", "invalid_value")
	}
	ctx, done := asking()
	defer done()
	e, err := s.export(ctx, s.owner(c), id)
	if err != nil {
		return err
	}
	if format == "markdown" {
		c.Set(fiber.HeaderContentType, "text/markdown; charset=utf-8")
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
		return c.Send(e.Markdown())
	}
	return c.JSON(e)
}

// export is a thread with its messages, and with those of its assistants that there are.
func (s *Server) export(ctx context.Context, o conversation.Owner, id string) (*conversation.Export, error) {
	t, err := s.config.Conversations.Thread(ctx, o, id)
	if err != nil {
		return nil, err
	}
	messages, err := s.config.Conversations.AllMessages(ctx, o, id)
	if err != nil {
		return nil, err
	}
	var assistants []*conversation.Assistant
	for _, id := range assistantsOf(t, messages) {
		a, err := s.config.Conversations.Assistant(ctx, o, id)
		var missing *conversation.Missing
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		assistants = append(assistants, a)
	}
	return conversation.NewExport(t, messages, assistants), nil
}

// assistantsOf are the ids of the assistants that a thread and its messages name, each
// once, in their order.
func assistantsOf(t *conversation.Thread, messages []*conversation.Message) (ids []string) {
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, a := range t.Assistants {
		add(a.AssistantID)
	}
	for _, m := range messages {
		if m.AssistantID != nil {
			add(*m.AssistantID)
		}
	}
	return ids
}

// importThread answers POST /v1/threads/import: what an export gave, with its ids and
// times. An assistant that is here already stays as it is here; a thread that is, is
// refused.
func (s *Server) importThread(c *fiber.Ctx) error {
	body, err := bodyOf(c, maxThread)
	if err != nil {
		return err
	}
	e, err := conversation.ReadExport(body)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	o := s.owner(c)
	for _, a := range e.Assistants {
		if err := s.config.Conversations.ImportAssistant(ctx, o, a); err != nil && !errors.Is(err, conversation.ErrExists) {
			return err
		}
	}
	if err := s.config.Conversations.ImportThread(ctx, o, e.Thread, e.Messages); err != nil {
		return err
	}
	return c.JSON(e.Thread)
}
