package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
)

// The assistants of a thread are the older API's: each says what the thread changes of
// an assistant. They are a part of the thread.

// listThreadAssistants answers GET /v1/threads/{thread}/assistants.
func (s *Server) listThreadAssistants(c *fiber.Ctx) error {
	t, err := s.thread(c)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"object": "list", "data": append([]conversation.ThreadAssistant{}, t.Assistants...)})
}

// showThreadAssistant answers GET /v1/threads/{thread}/assistants/{assistant}.
func (s *Server) showThreadAssistant(c *fiber.Ctx) error {
	id, err := pathID(c, "assistant")
	if err != nil {
		return err
	}
	t, err := s.thread(c)
	if err != nil {
		return err
	}
	for _, a := range t.Assistants {
		if a.AssistantID == id {
			return c.JSON(a)
		}
	}
	return &conversation.Missing{Kind: "assistant", ID: id}
}

// addThreadAssistant answers POST /v1/threads/{thread}/assistants, whose body names the
// assistant.
func (s *Server) addThreadAssistant(c *fiber.Ctx) error { return s.sendThreadAssistant(c, "") }

// putThreadAssistant answers POST /v1/threads/{thread}/assistants/{assistant}.
func (s *Server) putThreadAssistant(c *fiber.Ctx) error {
	id, err := pathID(c, "assistant")
	if err != nil {
		return err
	}
	return s.sendThreadAssistant(c, id)
}

func (s *Server) sendThreadAssistant(c *fiber.Ctx, id string) error {
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	var now conversation.ThreadAssistant
	_, err = s.updateThread(c, func(t *conversation.Thread) (err error) {
		now, err = t.PutAssistant(id, body)
		return err
	})
	return orJSON(c, now, err)
}
