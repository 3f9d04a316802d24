package api

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
)

func (s *Server) threadRoutes() []route {
	const all, one = "/v1/threads", "/v1/threads/:thread"
	return []route{
		{"GET", all, keyed, s.listThreads},
		{"POST", all, keyed, s.createThread},
		{"POST", all + "/import", keyed, s.importThread},
		{"GET", one, keyed, s.showThread},
		{"POST", one, keyed, s.changeThread},
		{"PATCH", one, keyed, s.changeThread},
		{"DELETE", one, keyed, s.deletion("thread", s.runs.DeleteThread)},
		{"GET", one + "/export", keyed, s.exportThread},
		{"GET", one + "/assistants", keyed, s.listThreadAssistants},
		{"POST", one + "/assistants", keyed, s.addThreadAssistant},
		{"GET", one + "/assistants/:assistant", keyed, s.showThreadAssistant},
		{"POST", one + "/assistants/:assistant", keyed, s.putThreadAssistant},
	}
}

// listThreads answers GET /v1/threads, which OpenAI has not, and the older API has.
func (s *Server) listThreads(c *fiber.Ctx) error {
	o := s.owner(c)
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[*conversation.Thread], error) {
		return s.config.Conversations.Threads(ctx, o, p)
	})
}

// createThread answers POST /v1/threads.
func (s *Server) createThread(c *fiber.Ctx) error {
	body, err := bodyOf(c, maxThread)
	if err != nil {
		return err
	}
	t, messages, err := conversation.ReadThread(body)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.CreateThread(ctx, s.owner(c), t, messages...); err != nil {
		return err
	}
	return c.JSON(t)
}

// effectiveThread is a thread with what a run of it would use.
type effectiveThread struct {
	*conversation.Thread
	Effective map[string]conversation.Effective `json:"effective"`                 // null where there can be no run as it stands
	Error     string                            `json:"effective_error,omitempty"` // why
}

// showThread answers GET /v1/threads/{thread}; with ?effective=true also what a run of it
// would use, and where each value comes from.
func (s *Server) showThread(c *fiber.Ctx) error {
	effective, err := truth(c, "effective", false)
	if err != nil {
		return err
	}
	t, err := s.thread(c)
	if err != nil || !effective {
		return orJSON(c, t, err)
	}
	ctx, done := asking()
	defer done()
	shown := effectiveThread{Thread: t}
	shown.Effective, err = s.runs.Effective(ctx, s.owner(c), t.ID)
	if err != nil {
		answer := translate(err)
		if answer.status >= http.StatusInternalServerError {
			return err
		}
		shown.Error = answer.Message
	}
	return c.JSON(shown)
}

// thread is that of a request's path.
func (s *Server) thread(c *fiber.Ctx) (*conversation.Thread, error) {
	id, err := pathID(c, "thread")
	if err != nil {
		return nil, err
	}
	ctx, done := asking()
	defer done()
	return s.config.Conversations.Thread(ctx, s.owner(c), id)
}

// changeThread answers POST and PATCH /v1/threads/{thread}.
func (s *Server) changeThread(c *fiber.Ctx) error {
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	t, err := s.updateThread(c, func(t *conversation.Thread) error { return t.Change(body) })
	return orJSON(c, t, err)
}

// updateThread changes the thread of a request's path.
func (s *Server) updateThread(c *fiber.Ctx, change func(*conversation.Thread) error) (*conversation.Thread, error) {
	id, err := pathID(c, "thread")
	if err != nil {
		return nil, err
	}
	ctx, done := asking()
	defer done()
	return s.config.Conversations.UpdateThread(ctx, s.owner(c), id, change)
}
