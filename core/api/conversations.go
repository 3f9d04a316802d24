package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/responses"
)

// responseRoutes are those of stored responses, and of conversations.
func (s *Server) responseRoutes() []route {
	return []route{
		{"GET", "/v1/responses/:response", keyed, s.showResponse},
		{"DELETE", "/v1/responses/:response", keyed, s.deleteResponse},
		{"GET", "/v1/responses/:response/input_items", keyed, s.listInputItems},
		{"POST", "/v1/responses/:response/cancel", keyed, s.showResponse}, // there is nothing to cancel: no response goes on without its request
		{"POST", "/v1/conversations", keyed, s.postConversation},
		{"GET", "/v1/conversations/:conversation", keyed, s.showConversation},
		{"POST", "/v1/conversations/:conversation", keyed, s.changeConversation},
		{"DELETE", "/v1/conversations/:conversation", keyed, s.deletion("conversation", s.config.Conversations.DeleteConversation)},
		{"GET", "/v1/conversations/:conversation/items", keyed, s.listItems},
		{"POST", "/v1/conversations/:conversation/items", keyed, s.postItems},
		{"GET", "/v1/conversations/:conversation/items/:item", keyed, s.showItem},
		{"DELETE", "/v1/conversations/:conversation/items/:item", keyed, s.deleteItem},
	}
}

// showResponse answers GET /v1/responses/{response} as it was answered.
func (s *Server) showResponse(c *fiber.Ctx) error {
	if c.Query("stream") == "true" {
		return fault(http.StatusBadRequest, "A stored response is not streamed again; leave 'stream' out", "stream", "unsupported_parameter")
	}
	r, err := s.response(c)
	if err != nil {
		return err
	}
	return sendJSON(c, r.Body)
}

func (s *Server) response(c *fiber.Ctx) (*conversation.Response, error) {
	id, err := pathID(c, "response")
	if err != nil {
		return nil, err
	}
	ctx, done := asking()
	defer done()
	return s.config.Conversations.Response(ctx, s.owner(c), id)
}

// deleteResponse answers DELETE /v1/responses/{response}.
func (s *Server) deleteResponse(c *fiber.Ctx) error {
	id, err := pathID(c, "response")
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.DeleteResponse(ctx, s.owner(c), id); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"id": id, "object": "response", "deleted": true})
}

// listInputItems answers GET /v1/responses/{response}/input_items.
func (s *Server) listInputItems(c *fiber.Ctx) error {
	id, err := pathID(c, "response")
	if err != nil {
		return err
	}
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[json.RawMessage], error) {
		return s.config.Conversations.InputItems(ctx, s.owner(c), id, p)
	})
}

// postConversation answers POST /v1/conversations.
func (s *Server) postConversation(c *fiber.Ctx) error {
	made, input, err := conversation.ReadConversation(c.Request().Body())
	if err == nil {
		err = responses.Check(input)
	}
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.CreateConversation(ctx, s.owner(c), made, responses.Given(input)); err != nil {
		return err
	}
	return c.JSON(made)
}

// showConversation answers GET /v1/conversations/{conversation}.
func (s *Server) showConversation(c *fiber.Ctx) error {
	id, err := pathID(c, "conversation")
	if err != nil {
		return err
	}
	return s.sendConversation(c, id)
}

func (s *Server) sendConversation(c *fiber.Ctx, id string) error {
	ctx, done := asking()
	defer done()
	found, err := s.config.Conversations.Conversation(ctx, s.owner(c), id)
	return orJSON(c, found, err)
}

// changeConversation answers POST /v1/conversations/{conversation}: its metadata.
func (s *Server) changeConversation(c *fiber.Ctx) error {
	id, err := pathID(c, "conversation")
	if err != nil {
		return err
	}
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	changed, err := s.config.Conversations.UpdateConversation(ctx, s.owner(c), id, func(found *conversation.Conversation) error { return found.Change(body) })
	return orJSON(c, changed, err)
}

// listItems answers GET /v1/conversations/{conversation}/items.
func (s *Server) listItems(c *fiber.Ctx) error {
	id, err := pathID(c, "conversation")
	if err != nil {
		return err
	}
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[json.RawMessage], error) {
		return s.config.Conversations.Items(ctx, s.owner(c), id, p)
	})
}

// postItems answers POST /v1/conversations/{conversation}/items with those that were added.
func (s *Server) postItems(c *fiber.Ctx) error {
	id, err := pathID(c, "conversation")
	if err != nil {
		return err
	}
	input, err := conversation.ReadItems(c.Request().Body())
	if err == nil {
		err = responses.Check(input)
	}
	if err != nil {
		return err
	}
	items := responses.Given(input)
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.AddItems(ctx, s.owner(c), id, items); err != nil {
		return err
	}
	added := conversation.List[json.RawMessage]{Object: "list", FirstID: &items[0].ID, LastID: &items[len(items)-1].ID}
	for _, item := range items {
		added.Data = append(added.Data, item.Body)
	}
	return c.JSON(added)
}

// showItem answers GET /v1/conversations/{conversation}/items/{item}.
func (s *Server) showItem(c *fiber.Ctx) error {
	id, item, err := itemIDs(c)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	body, err := s.config.Conversations.Item(ctx, s.owner(c), id, item)
	if err != nil {
		return err
	}
	return sendJSON(c, body)
}

// deleteItem answers DELETE /v1/conversations/{conversation}/items/{item} with the
// conversation, as OpenAI does.
func (s *Server) deleteItem(c *fiber.Ctx) error {
	id, item, err := itemIDs(c)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if err := s.config.Conversations.DeleteItem(ctx, s.owner(c), id, item); err != nil {
		return err
	}
	return s.sendConversation(c, id)
}

func itemIDs(c *fiber.Ctx) (id, item string, err error) {
	if id, err = pathID(c, "conversation"); err == nil {
		item, err = pathID(c, "item")
	}
	return id, item, err
}
