package api

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
)

func (s *Server) assistantRoutes() []route {
	const all, one = "/v1/assistants", "/v1/assistants/:assistant"
	return []route{
		{"GET", all, keyed, s.listAssistants},
		{"POST", all, keyed, s.createAssistant},
		{"GET", one, keyed, s.showAssistant},
		{"POST", one, keyed, s.changeAssistant},
		{"PATCH", one, keyed, s.changeAssistant},
		{"DELETE", one, keyed, s.deletion("assistant", s.config.Conversations.DeleteAssistant)},
	}
}

// listAssistants answers GET /v1/assistants.
func (s *Server) listAssistants(c *fiber.Ctx) error {
	o := s.owner(c)
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[*conversation.Assistant], error) {
		return s.config.Conversations.Assistants(ctx, o, p)
	})
}

// createAssistant answers POST /v1/assistants.
func (s *Server) createAssistant(c *fiber.Ctx) error {
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	a, err := conversation.ReadAssistant(body)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.CreateAssistant(ctx, s.owner(c), a); err != nil {
		return err
	}
	return c.JSON(a)
}

// showAssistant answers GET /v1/assistants/{assistant}.
func (s *Server) showAssistant(c *fiber.Ctx) error {
	id, err := pathID(c, "assistant")
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	a, err := s.config.Conversations.Assistant(ctx, s.owner(c), id)
	return orJSON(c, a, err)
}

// changeAssistant answers POST and PATCH /v1/assistants/{assistant}.
func (s *Server) changeAssistant(c *fiber.Ctx) error {
	id, err := pathID(c, "assistant")
	if err != nil {
		return err
	}
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	a, err := s.config.Conversations.UpdateAssistant(ctx, s.owner(c), id, func(a *conversation.Assistant) error { return a.Change(body) })
	return orJSON(c, a, err)
}
