package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/tidwall/gjson"

	"github.com/enginebay/enginebay/core"
	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/responses"
	"github.com/enginebay/enginebay/sdk"
)

// truncatedHeader tells how many of the oldest items a model was not given.
const truncatedHeader = "X-Enginebay-Truncated"

// maxKeptItems bounds the items that a request brings to be stored: while they are written
// nobody else writes.
const maxKeptItems = 10_000

// maxReferences bounds the items that an input only refers to.
const maxReferences = 500

// An exchange is a request for a response that is remembered, or that goes on from one. A
// nil one is any other request, which goes on as it is.
type exchange struct {
	server  *Server
	request *responses.Request
	input   *responses.Input
	answer  *responses.Answer
}

// remember reads what a request says about what is remembered, and puts what went
// before in front of its input.
func (s *Server) remember(c *fiber.Ctx, op operation, req *request) (*exchange, error) {
	if op.Operation != sdk.OpResponses || s.config.Conversations == nil {
		return nil, nil
	}
	asked, err := responses.Read(req.value)
	if err != nil || !asked.Remembers() {
		return nil, err
	}
	t := &exchange{server: s, request: asked}
	owner := s.owner(c)
	before, err := s.before(owner, asked)
	if err != nil {
		return nil, err
	}
	referring := len(asked.References()) > 0
	if referring {
		if err := s.resolve(owner, asked, before); err != nil {
			return nil, err
		}
	}
	t.input = responses.Join(before, asked.Input)
	if err := t.fit(); err != nil {
		return nil, err
	}
	req.put("store", "false", responses.Fields...)
	if len(before) > 0 || referring || t.input.Dropped > 0 {
		req.put("input", string(t.input.JSON()))
	}
	id := observed(c).id
	t.answer = &responses.Answer{Request: asked, ID: responses.NewID("resp_"), Before: before, Limit: s.policy.Load().maxBody,
		Failed: func(err error) { s.log.Warn("a response is not stored", "error", err, "request_id", id) }}
	if asked.Store || asked.Conversation != "" {
		if n := len(asked.Input); n > maxKeptItems {
			return nil, fault(http.StatusBadRequest, fmt.Sprintf("The input has %d items, and %d are the most that are stored; ask with 'store': false", n, maxKeptItems), "input", "invalid_value")
		}
		t.answer.Given = responses.Given(asked.Input)
		t.answer.Save = func(r *conversation.Response) error { return s.keep(owner, asked, r) }
	}
	return t, nil
}

// before is what went before a request.
func (s *Server) before(owner conversation.Owner, asked *responses.Request) (items []conversation.Item, err error) {
	ctx, done := asking()
	defer done()
	var missing *conversation.Missing
	switch {
	case asked.Previous != "":
		items, err = s.config.Conversations.History(ctx, owner, asked.Previous)
		if errors.As(err, &missing) {
			// OpenAI's status, wording and code: clients send the whole input again when they see it.
			return nil, fault(http.StatusBadRequest, fmt.Sprintf("Previous response with id '%.64s' not found: it was not stored, or it is gone; send the whole input instead", asked.Previous),
				"previous_response_id", "previous_response_not_found")
		}
	case asked.Conversation != "":
		items, err = s.config.Conversations.AllItems(ctx, owner, asked.Conversation)
		if errors.As(err, &missing) {
			return nil, fault(http.StatusNotFound, fmt.Sprintf("There is no conversation '%.64s'", asked.Conversation), "conversation", "conversation_not_found")
		}
	}
	return items, err
}

// resolve puts the items that an input refers to in their places.
func (s *Server) resolve(owner conversation.Owner, asked *responses.Request, before []conversation.Item) error {
	ids := asked.References()
	if len(ids) > maxReferences {
		return fault(http.StatusBadRequest, fmt.Sprintf("The input refers to %d items, and %d are the most", len(ids), maxReferences), "input", "invalid_value")
	}
	ctx, done := asking()
	defer done()
	found, err := s.config.Conversations.FindItems(ctx, owner, ids)
	if err != nil {
		return err
	}
	err = asked.Resolve(before, found)
	var missing *conversation.Missing
	if errors.As(err, &missing) {
		return fault(http.StatusNotFound, fmt.Sprintf("There is no item '%.64s'. Items are not kept of responses with 'store': false", missing.ID), "input", "not_found")
	}
	return err
}

// fit bounds what went before with its request as a request alone is.
func (t *exchange) fit() error {
	most := t.server.policy.Load().maxBody
	for t.input.Size() > most {
		if !t.request.Auto || !t.input.Drop(1-float64(most)/float64(t.input.Size())) {
			return fault(http.StatusBadRequest, fmt.Sprintf("The input with all that went before has %d bytes, and %d are the most: begin a new conversation, or ask for 'truncation': 'auto'", t.input.Size(), most),
				"input", "context_length_exceeded")
		}
	}
	return nil
}

// keep stores a response. Without store only its conversation has its items.
func (s *Server) keep(owner conversation.Owner, asked *responses.Request, r *conversation.Response) error {
	ctx, done := asking()
	defer done()
	if asked.Store {
		return s.config.Conversations.CreateResponse(ctx, owner, r)
	}
	if r.Conversation == "" {
		return nil
	}
	return s.config.Conversations.AddItems(ctx, owner, r.Conversation, append(r.Input, r.Output...))
}

// cuts bounds how often a request that is too long is asked again.
const cuts = 8

// send is [Server.answer] for an exchange: where the model says that the input is too long,
// and the client has asked for it, it is asked again without the oldest items.
func (t *exchange) send(ctx context.Context, seen *observation, op operation, req request) (*core.Lease, *http.Response, error) {
	for n := 0; ; n++ {
		lease, resp, err := t.server.answer(ctx, seen, op, req)
		if err != nil || !t.request.Auto || resp.StatusCode < 400 {
			return lease, resp, err
		}
		said, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorAnswer)) // half of it may say enough
		resp.Body.Close()
		resp.Body = &read{bytes.NewReader(said), said}
		share := t.excess(engineSaid(lease.Model(), resp.StatusCode, said))
		if share == 0 || n == cuts || !t.input.Drop(share) {
			return lease, resp, nil
		}
		lease.Release()
		lease.Spend(resp.StatusCode, 0, 0)
		req.put("input", string(t.input.JSON()))
	}
}

// lengths are what engines and services say of a request that is too long: what there
// is room for, and what was sent.
var lengths = regexp.MustCompile(`maximum context length is (\d+) tokens.*?(\d+) tokens`)

// excess is the share of the input that a model has no room for; 0 where it has refused
// it for another reason.
func (t *exchange) excess(e *apiError) float64 {
	if e.Code == nil || *e.Code != "context_length_exceeded" {
		return 0
	}
	found := lengths.FindStringSubmatch(e.Message)
	if found == nil {
		return 1.0 / 3
	}
	room, _ := strconv.ParseFloat(found[1], 64)
	sent, _ := strconv.ParseFloat(found[2], 64)
	answer := room / 4
	if most := float64(t.request.Output); most > 0 {
		answer = min(most, room/2)
	}
	return max(1-(room-answer)/sent, 0.05)
}

// tell says how many items were left out.
func (t *exchange) tell(c *fiber.Ctx) {
	if t == nil || t.input.Dropped == 0 {
		return
	}
	t.answer.Dropped = t.input.Dropped
	c.Set(truncatedHeader, strconv.Itoa(t.input.Dropped))
}

// whole is an answer that is no stream, with what is ours in it.
func (t *exchange) whole(lease *core.Lease, status int, body []byte) []byte {
	if t == nil || status != http.StatusOK {
		return body
	}
	t.answer.Free = lease.Release
	return t.answer.Whole(body)
}

// stream is a stream with what is ours in it.
func (t *exchange) stream(ctx context.Context, lease *core.Lease, body io.ReadCloser) io.ReadCloser {
	if t == nil {
		return body
	}
	t.answer.Free = lease.Release
	t.answer.Left = func() bool { return ctx.Err() != nil }
	return t.answer.Stream(body)
}

// value is a field's value; one that does not exist where there is none.
func (r request) value(name string) gjson.Result {
	for _, f := range r.fields {
		if f.name == name {
			return gjson.Parse(f.value)
		}
	}
	return gjson.Result{}
}

// put sets a field's value, and takes others out.
func (r *request) put(name, value string, out ...string) {
	kept := make([]field, 0, len(r.fields)+1)
	for _, f := range r.fields {
		if f.name == name || slices.Contains(out, f.name) {
			continue
		}
		kept = append(kept, f)
	}
	r.fields, r.body = append(kept, field{name, `"` + name + `"`, value}), nil
}
