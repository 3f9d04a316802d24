package runs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
)

// Submit gives a run the outputs of the functions that it waits for, all of them at
// once, and goes on with it; events begin with the end of their step. A
// [conversation.FieldError] where the run does not wait, or not any more, or where an
// output is missing; else errors are those of [Runner.Create].
func (r *Runner) Submit(ctx context.Context, s Submission) (*conversation.Run, *Events, error) {
	if err := r.enter(); err != nil {
		leave(s.Leave)
		return nil, nil, err
	}
	w, step, err := r.submit(ctx, s)
	if err != nil {
		r.wg.Done()
		leave(s.Leave)
		return nil, nil, err
	}
	told := copied(w.run)
	return told, r.start(ctx, w, s.Stream, Event{"thread.run.step.completed", step}, Event{"thread.run.queued", told}), nil
}

// submit keeps the outputs; who calls starts the work at once.
func (r *Runner) submit(ctx context.Context, s Submission) (*work, *conversation.Step, error) {
	run, err := r.c.Store.Run(ctx, s.Owner, s.ThreadID, s.RunID)
	if err != nil {
		return nil, nil, err
	}
	if err := waits(run); err != nil {
		return nil, nil, err
	}
	details, err := outputs(run.RequiredAction, s.Outputs)
	if err != nil {
		return nil, nil, err
	}
	step, err := r.open(ctx, s.Owner, run)
	if err != nil {
		return nil, nil, err
	}
	step.StepDetails = details
	step.End(conversation.RunCompleted, nil)
	w := &work{owner: s.Owner, caller: s.Caller, requestID: s.RequestID, resumed: true, left: s.Leave}
	w.model, _ = r.c.Bridge.Model(ctx, run.Model) // a model that has gone since, the chat tells
	w.run, err = r.c.Store.UpdateRun(ctx, run.ID, func(stored *conversation.Run) error {
		if err := waits(stored); err != nil {
			return err
		}
		return move(stored, end{status: conversation.RunQueued})
	}, step)
	return w, step, err
}

// waits returns what is wrong where a run does not wait for outputs.
func waits(run *conversation.Run) error {
	switch {
	case run.Status != conversation.RunRequiresAction || run.RequiredAction == nil:
		return wrong("", "Runs in status \"%s\" do not accept tool outputs.", run.Status)
	case run.ExpiresAt != nil && *run.ExpiresAt <= time.Now().Unix():
		return wrong("", "The run has waited for tool outputs for too long, and has expired.")
	}
	return nil
}

// outputs are the details of the step with the outputs in it.
func outputs(action *conversation.RequiredAction, given []ToolOutput) (json.RawMessage, error) {
	by := map[string]*string{}
	for i, o := range given {
		if _, twice := by[o.ToolCallID]; twice {
			return nil, wrong("tool_outputs", "tool_outputs has two outputs of the call '%s'", o.ToolCallID)
		}
		by[o.ToolCallID] = &given[i].Output
	}
	calls := []stepCall{}
	for _, call := range action.SubmitToolOutputs.ToolCalls {
		output, ok := by[call.ID]
		if !ok {
			return nil, wrong("tool_outputs", "tool_outputs lacks the output of the call '%s' of %s; give those of all calls at once", call.ID, call.Function.Name)
		}
		delete(by, call.ID)
		calls = append(calls, stepCall{call.ID, "function", stepFunction{call.Function.Name, call.Function.Arguments, output}})
	}
	for id := range by {
		return nil, wrong("tool_outputs", "The run waits for no call '%s'", id)
	}
	return encode(map[string]any{"type": "tool_calls", "tool_calls": calls}), nil
}

// open is the step in which a run waits for outputs.
func (r *Runner) open(ctx context.Context, o conversation.Owner, run *conversation.Run) (*conversation.Step, error) {
	steps, err := allSteps(ctx, r.c.Store, o, run)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		if step.Status == conversation.RunInProgress {
			return step, nil
		}
	}
	return nil, waits(&conversation.Run{Status: conversation.RunCancelled}) // it was ended since
}
