package api

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
)

func (s *Server) messageRoutes() []route {
	const all, one = "/v1/threads/:thread/messages", "/v1/threads/:thread/messages/:message"
	return []route{
		{"GET", all, keyed, s.listMessages},
		{"POST", all, keyed, s.createMessage},
		{"GET", one, keyed, s.showMessage},
		{"POST", one, keyed, s.changeMessage},
		{"PATCH", one, keyed, s.changeMessage},
		{"DELETE", one, keyed, s.deleteMessage},
		{"GET", one + "/files", keyed, s.listMessageFiles},
		{"GET", one + "/files/:file", keyed, s.showMessageFile},
	}
}

// listMessages answers GET /v1/threads/{thread}/messages; ?run_id=… only those of a run.
func (s *Server) listMessages(c *fiber.Ctx) error {
	thread, err := pathID(c, "thread")
	if err != nil {
		return err
	}
	o, run := s.owner(c), strings.Clone(c.Query("run_id"))
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[*conversation.Message], error) {
		return s.config.Conversations.Messages(ctx, o, thread, run, p)
	})
}

// createMessage answers POST /v1/threads/{thread}/messages.
func (s *Server) createMessage(c *fiber.Ctx) error {
	thread, err := pathID(c, "thread")
	if err != nil {
		return err
	}
	body, err := bodyOf(c, conversation.MaxMessage)
	if err != nil {
		return err
	}
	m, err := conversation.ReadMessage(body)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.CreateMessage(ctx, s.owner(c), thread, m); err != nil {
		return err
	}
	return c.JSON(m)
}

// messageIDs are those of a request's path.
func messageIDs(c *fiber.Ctx) (thread, message string, err error) {
	if thread, err = pathID(c, "thread"); err != nil {
		return "", "", err
	}
	message, err = pathID(c, "message")
	return thread, message, err
}

// message is that of a request's path.
func (s *Server) message(c *fiber.Ctx) (*conversation.Message, error) {
	thread, id, err := messageIDs(c)
	if err != nil {
		return nil, err
	}
	ctx, done := asking()
	defer done()
	return s.config.Conversations.Message(ctx, s.owner(c), thread, id)
}

// showMessage answers GET /v1/threads/{thread}/messages/{message}.
func (s *Server) showMessage(c *fiber.Ctx) error {
	m, err := s.message(c)
	return orJSON(c, m, err)
}

// changeMessage answers POST and PATCH /v1/threads/{thread}/messages/{message}: its
// metadata.
func (s *Server) changeMessage(c *fiber.Ctx) error {
	thread, id, err := messageIDs(c)
	if err != nil {
		return err
	}
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	m, err := s.config.Conversations.UpdateMessage(ctx, s.owner(c), thread, id, func(m *conversation.Message) error { return m.Change(body) })
	return orJSON(c, m, err)
}

// deleteMessage answers DELETE /v1/threads/{thread}/messages/{message}.
func (s *Server) deleteMessage(c *fiber.Ctx) error {
	thread, id, err := messageIDs(c)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.DeleteMessage(ctx, s.owner(c), thread, id); err != nil {
		return err
	}
	return deleted(c, id, "thread.message")
}

// messageFile is a file of a message, in the older API.
type messageFile struct {
	ID        string `json:"id"`
	Object    string `json:"object"` // thread.message.file
	CreatedAt int64  `json:"created_at"`
	MessageID string `json:"message_id"`
}

// filesOf are the files that a message brings along.
func filesOf(m *conversation.Message) []messageFile {
	files := []messageFile{}
	for _, id := range m.Files() {
		files = append(files, messageFile{ID: id, Object: "thread.message.file", CreatedAt: m.CreatedAt, MessageID: m.ID})
	}
	return files
}

// listMessageFiles answers GET /v1/threads/{thread}/messages/{message}/files.
func (s *Server) listMessageFiles(c *fiber.Ctx) error {
	m, err := s.message(c)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"object": "list", "data": filesOf(m)})
}

// showMessageFile answers GET /v1/threads/{thread}/messages/{message}/files/{file}.
func (s *Server) showMessageFile(c *fiber.Ctx) error {
	id, err := pathID(c, "file")
	if err != nil {
		return err
	}
	m, err := s.message(c)
	if err != nil {
		return err
	}
	for _, f := range filesOf(m) {
		if f.ID == id {
			return c.JSON(f)
		}
	}
	return &conversation.Missing{Kind: "file", ID: id}
}
