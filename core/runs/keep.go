package runs

import (
	"context"
	"errors"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk"
)

const (
	writeTime = 10 * time.Second // for one attempt at writing
	keepTime  = 2 * time.Minute  // for all that are made for the end of a run
	stopTime  = 3 * time.Second  // the same, once the server stops
)

// keep changes a run in the store. While the database is away or full it tries again:
// the end of a run is worth waiting for.
func (r *Runner) keep(id string, change func(*conversation.Run) error, with ...conversation.Written) (*conversation.Run, error) {
	ctx, stop := context.WithTimeout(context.Background(), keepTime)
	defer stop()
	defer context.AfterFunc(r.ctx, func() { time.AfterFunc(stopTime, stop) })()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		run, err := r.once(ctx, id, change, with...)
		if err == nil || !passes(err) {
			return run, err
		}
		r.log.Debug("a run could not be written, and is tried again", "run", id, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (r *Runner) once(ctx context.Context, id string, change func(*conversation.Run) error, with ...conversation.Written) (*conversation.Run, error) {
	ctx, stop := context.WithTimeout(ctx, writeTime)
	defer stop()
	return r.c.Store.UpdateRun(ctx, id, change, with...)
}

// passes says whether an error of the store may be gone at the next attempt.
func passes(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	code := sdk.CodeOf(err)
	return code == sdk.CodeUnavailable || code == sdk.CodeExhausted
}

// later keeps what changed on the way, in order, beside the stream: nothing of the
// stream waits for it. What cannot be kept now is kept at the end.
func (w *work) later(change func(*conversation.Run) error, with ...conversation.Written) {
	before, done := w.written, make(chan struct{})
	w.written = done
	id := w.run.ID
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		_, err := w.runner.once(context.Background(), id, change, with...)
		var missing *conversation.Missing
		switch {
		case errors.Is(err, errMoved): // cancelled before this server knew the work, or by another
			w.cancel(errCancelled)
		case errors.As(err, &missing):
			w.cancel(errDeleted)
		case err != nil:
			w.runner.log.Debug("a run's progress was not written", "run", id, "error", err)
		}
	}()
}

// unchanged is a change of what goes with a run alone.
func unchanged(*conversation.Run) error { return nil }
