package runs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/enginebay/enginebay/core/conversation"
)

// Create makes a run, and begins to work on it. Events is nil unless the request is
// one to stream; a run without it goes on when ctx has ended.
//
// Errors: [conversation.Missing] where there is no such thread or assistant,
// [conversation.ErrBusy] where the thread has an unfinished run, [conversation.FieldError]
// where nothing says which model is to answer, [sdk.CodeNotFound] where there is no such
// model, [sdk.CodeUnavailable] where the server stops, and those of the store. Leave is
// called in each case.
func (r *Runner) Create(ctx context.Context, req Request) (*conversation.Run, *Events, error) {
	if err := r.enter(); err != nil {
		leave(req.Leave)
		return nil, nil, err
	}
	w, err := r.plan(ctx, req)
	if err == nil {
		err = r.put(ctx, req, w.run)
	}
	if err != nil {
		r.wg.Done()
		leave(req.Leave)
		return nil, nil, err
	}
	run := copied(w.run)
	first := []Event{{"thread.run.created", run}, {"thread.run.queued", run}}
	if req.Thread != nil {
		first = append([]Event{{"thread.created", req.Thread}}, first...)
	}
	return run, r.start(ctx, w, req.Stream, first...), nil
}

func leave(by func()) {
	if by != nil {
		by()
	}
}

// plan finds out how a run is to be done.
func (r *Runner) plan(ctx context.Context, req Request) (*work, error) {
	l, ignored, err := r.layers(ctx, req)
	if err != nil {
		return nil, err
	}
	run := copied(req.Run)
	run.ThreadID, run.Status, run.Ignored = req.ThreadID, conversation.RunQueued, ignored
	if l.assistant != nil {
		run.AssistantID = &l.assistant.ID
	}
	l.apply(run)
	fill(run)
	return &work{owner: req.Owner, caller: req.Caller, requestID: req.RequestID, run: run, model: l.model, left: req.Leave}, nil
}

// fill gives a run what its JSON always has.
func fill(run *conversation.Run) {
	if run.Tools == nil {
		run.Tools = []json.RawMessage{}
	}
	if run.Metadata == nil {
		run.Metadata = conversation.Metadata{}
	}
	if run.ResponseFormat == nil {
		run.ResponseFormat = json.RawMessage(`"auto"`)
	}
}

// layers finds the places that say how a run is done.
func (r *Runner) layers(ctx context.Context, req Request) (l layers, ignored []string, err error) {
	l = layers{request: req, thread: req.Thread}
	if l.thread == nil {
		if l.thread, err = r.c.Store.Thread(ctx, req.Owner, req.ThreadID); err != nil {
			return l, nil, err
		}
	}
	if l.assistant, ignored, err = r.assistant(ctx, req, l.thread); err != nil {
		return l, nil, err
	}
	model, _ := l.modelOf()
	if model == "" {
		return l, nil, wrong("assistant_id", "Nothing says which model is to answer: give an assistant_id, or a model")
	}
	l.model, err = r.c.Bridge.Model(ctx, model)
	return l, ignored, err
}

// assistant finds the one that is to answer: the one that was asked for, else the
// thread's first one. Without either it is nil. One of the thread that does not exist is
// no error where the thread says enough by itself: those that came from elsewhere name
// assistants that stayed there.
func (r *Runner) assistant(ctx context.Context, req Request, t *conversation.Thread) (*conversation.Assistant, []string, error) {
	if id := req.Run.AssistantID; id != nil && *id != "" {
		a, err := r.c.Store.Assistant(ctx, req.Owner, *id)
		return a, nil, err
	}
	if len(t.Assistants) == 0 || t.Assistants[0].AssistantID == "" {
		return nil, nil, nil
	}
	a, err := r.c.Store.Assistant(ctx, req.Owner, t.Assistants[0].AssistantID)
	var missing *conversation.Missing
	if !errors.As(err, &missing) {
		return a, nil, err
	}
	if named, _ := (layers{request: req, thread: t}).modelOf(); named == "" {
		return nil, nil, err
	}
	return nil, []string{fmt.Sprintf("The thread's assistant '%s': it does not exist; what the thread says of it counts", missing.ID)}, nil
}

// put keeps the run, and what is to be in its thread before it.
func (r *Runner) put(ctx context.Context, req Request, run *conversation.Run) error {
	messages := req.Messages
	if req.Thread != nil {
		if err := r.c.Store.CreateThread(ctx, req.Owner, req.Thread, messages...); err != nil {
			return err
		}
		run.ThreadID, messages = req.Thread.ID, nil
	}
	return r.c.Store.CreateRun(ctx, req.Owner, run, messages...)
}

// Effective is what a run of a thread would use if it began now: its model,
// instructions and parameters, with their layers. Errors are those of [Runner.Create].
func (r *Runner) Effective(ctx context.Context, o conversation.Owner, threadID string) (map[string]conversation.Effective, error) {
	run := &conversation.Run{}
	l, _, err := r.layers(ctx, Request{Owner: o, ThreadID: threadID, Run: run})
	if err != nil {
		return nil, err
	}
	l.apply(run)
	return run.Effective, nil
}
