package runs

import (
	"context"
	"errors"

	"github.com/enginebay/enginebay/core/conversation"
)

// Cancel ends a run, and keeps what the model wrote so far. The run that it returns is
// cancelling, or cancelled where it waited for outputs of functions. One that another
// server works on ends within two beats. One that has ended is a
// [conversation.FieldError].
func (r *Runner) Cancel(ctx context.Context, o conversation.Owner, threadID, runID string) (*conversation.Run, error) {
	w := r.at(runID)
	run, err := r.cancel(ctx, o, threadID, runID)
	if passes(err) && w != nil && w.thread == threadID && (o.All || o == w.owner) {
		w.cancel(errCancelled) // the database is away, the engine is not
	}
	if err == nil {
		if w := r.at(runID); w != nil {
			w.cancel(errCancelled)
		}
	}
	return run, err
}

func (r *Runner) cancel(ctx context.Context, o conversation.Owner, threadID, runID string) (*conversation.Run, error) {
	run, err := r.c.Store.Run(ctx, o, threadID, runID)
	if err != nil {
		return nil, err
	}
	var with []conversation.Written
	to := end{status: conversation.RunCancelling}
	if run.Status == conversation.RunRequiresAction {
		step, err := r.open(ctx, o, run)
		if err != nil {
			return nil, err
		}
		to.status = conversation.RunCancelled
		step.End(to.status, nil)
		with = append(with, step)
	}
	was := run.Status
	run, err = r.c.Store.UpdateRun(ctx, runID, func(stored *conversation.Run) error {
		switch {
		case ended(stored.Status):
			return wrong("", "Cannot cancel run with status '%s'.", stored.Status)
		case stored.Status == conversation.RunCancelling:
			return nil
		case (stored.Status == conversation.RunRequiresAction) != (was == conversation.RunRequiresAction):
			return errMoved
		}
		return move(stored, to)
	}, with...)
	if errors.Is(err, errMoved) { // at this moment: what it is now can be cancelled as well
		return r.cancel(ctx, o, threadID, runID)
	}
	return run, err
}

// DeleteThread deletes a thread, and ends its run.
func (r *Runner) DeleteThread(ctx context.Context, o conversation.Owner, threadID string) error {
	if err := r.c.Store.DeleteThread(ctx, o, threadID); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.live {
		if w.thread == threadID {
			w.cancel(errDeleted)
		}
	}
	return nil
}
