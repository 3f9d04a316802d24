package api

import (
	"context"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/core/runs"
)

// runRoutes are those of the answers to threads.
func (s *Server) runRoutes() []route {
	const all, one = "/v1/threads/:thread/runs", "/v1/threads/:thread/runs/:run"
	return []route{
		{"POST", "/v1/threads/runs", metered, s.createThreadRun},
		{"GET", all, keyed, s.listRuns},
		{"POST", all, metered, s.createRun},
		{"GET", one, keyed, s.showRun},
		{"POST", one, keyed, s.changeRun},
		{"POST", one + "/cancel", keyed, s.cancelRun},
		{"POST", one + "/submit_tool_outputs", metered, s.submitToolOutputs},
		{"GET", one + "/steps", keyed, s.listSteps},
		{"GET", one + "/steps/:step", keyed, s.showStep},
	}
}

// createThreadRun answers POST /v1/threads/runs: a thread, and a run of it.
func (s *Server) createThreadRun(c *fiber.Ctx) error {
	body, err := bodyOf(c, maxThread)
	if err != nil {
		return err
	}
	req, err := runs.ReadThreadRun(body)
	if err != nil {
		return err
	}
	return s.sendNewRun(c, req)
}

// createRun answers POST /v1/threads/{thread}/runs.
func (s *Server) createRun(c *fiber.Ctx) error {
	thread, err := pathID(c, "thread")
	if err != nil {
		return err
	}
	body, err := bodyOf(c, conversation.MaxMessage)
	if err != nil {
		return err
	}
	req, err := runs.ReadRun(body)
	if err != nil {
		return err
	}
	req.ThreadID = thread
	return s.sendNewRun(c, req)
}

func (s *Server) sendNewRun(c *fiber.Ctx, req runs.Request) error {
	req.Owner, req.Caller, req.RequestID = s.owner(c), caller(c), observed(c).id
	return s.sendRun(c, req.Stream, func(ctx context.Context, leave func()) (*conversation.Run, *runs.Events, error) {
		req.Leave = leave
		return s.runs.Create(ctx, req)
	})
}

// submitToolOutputs answers POST …/submit_tool_outputs: what functions gave that the
// run waits for.
func (s *Server) submitToolOutputs(c *fiber.Ctx) error {
	thread, run, err := runOf(c)
	if err != nil {
		return err
	}
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	sub, err := runs.ReadSubmission(body)
	if err != nil {
		return err
	}
	sub.Owner, sub.Caller, sub.RequestID, sub.ThreadID, sub.RunID = s.owner(c), caller(c), observed(c).id, thread, run
	return s.sendRun(c, sub.Stream, func(ctx context.Context, leave func()) (*conversation.Run, *runs.Events, error) {
		sub.Leave = leave
		return s.runs.Submit(ctx, sub)
	})
}

// sendRun has the runner work on a run, and answers with the run, or with its events. The
// place among the requests of its key is the run's until leave is called.
func (s *Server) sendRun(c *fiber.Ctx, stream bool, begin func(ctx context.Context, leave func()) (*conversation.Run, *runs.Events, error)) error {
	if stream {
		if err := streamable(c); err != nil {
			return err
		}
	}
	leave := sync.OnceFunc(stay(c))
	works := false
	defer func() { // also when something panics
		if !works {
			leave()
		}
	}()
	ctx, done := asking()
	defer done()
	run, events, err := begin(observed(c).within(ctx), leave)
	if err != nil {
		return noSuchModel(err)
	}
	works = true
	if events == nil {
		return c.JSON(run)
	}
	streamRun(c, events)
	return nil
}

// noSuchModel is [named] where it is a model that is not there, and not a thread.
func noSuchModel(err error) error {
	if kept(err) == nil {
		return named(err)
	}
	return err
}

// runOf is the run that a request's path names.
func runOf(c *fiber.Ctx) (thread, run string, err error) {
	if thread, err = pathID(c, "thread"); err == nil {
		run, err = pathID(c, "run")
	}
	return thread, run, err
}

// listRuns answers GET /v1/threads/{thread}/runs.
func (s *Server) listRuns(c *fiber.Ctx) error {
	thread, err := pathID(c, "thread")
	if err != nil {
		return err
	}
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[*conversation.Run], error) {
		return s.config.Conversations.Runs(ctx, s.owner(c), thread, p)
	})
}

// showRun answers GET /v1/threads/{thread}/runs/{run}.
func (s *Server) showRun(c *fiber.Ctx) error {
	thread, id, err := runOf(c)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	run, err := s.config.Conversations.Run(ctx, s.owner(c), thread, id)
	return orJSON(c, run, err)
}

// changeRun answers POST /v1/threads/{thread}/runs/{run}: its metadata, which is read as
// a thread's, and nothing else.
func (s *Server) changeRun(c *fiber.Ctx) error {
	thread, id, err := runOf(c)
	if err != nil {
		return err
	}
	body, err := bodyOf(c, conversation.MaxObject)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	if _, err := s.config.Conversations.Run(ctx, s.owner(c), thread, id); err != nil {
		return err
	}
	run, err := s.config.Conversations.UpdateRun(ctx, id, func(r *conversation.Run) error {
		as := conversation.Thread{Metadata: r.Metadata}
		err := as.Change(body)
		r.Metadata = as.Metadata
		return err
	})
	return orJSON(c, run, err)
}

// cancelRun answers POST /v1/threads/{thread}/runs/{run}/cancel.
func (s *Server) cancelRun(c *fiber.Ctx) error {
	thread, id, err := runOf(c)
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	run, err := s.runs.Cancel(ctx, s.owner(c), thread, id)
	return orJSON(c, run, err)
}

// listSteps answers GET /v1/threads/{thread}/runs/{run}/steps.
func (s *Server) listSteps(c *fiber.Ctx) error {
	thread, run, err := runOf(c)
	if err != nil {
		return err
	}
	return sendPage(c, func(ctx context.Context, p conversation.Page) (conversation.List[*conversation.Step], error) {
		return s.config.Conversations.Steps(ctx, s.owner(c), thread, run, p)
	})
}

// showStep answers GET /v1/threads/{thread}/runs/{run}/steps/{step}.
func (s *Server) showStep(c *fiber.Ctx) error {
	thread, run, err := runOf(c)
	if err != nil {
		return err
	}
	id, err := pathID(c, "run step")
	if err != nil {
		return err
	}
	ctx, done := asking()
	defer done()
	step, err := s.config.Conversations.Step(ctx, s.owner(c), thread, run, id)
	return orJSON(c, step, err)
}
