package runs

import (
	"context"
	"errors"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
)

// abandoned is how long the server of a run may be silent before others take it for
// dead, in beats.
const abandoned = 4

// beats says that the server lives, for as long as it does.
func (r *Runner) beats() {
	ticks := time.NewTicker(r.c.Beat)
	defer ticks.Stop()
	var since time.Time // when the database began to answer; zero while it does not
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticks.C:
		}
		if err := r.beat(); err != nil {
			r.log.Debug("the database takes no sign of life", "error", err)
			since = time.Time{}
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		r.sweep(r.deadline(since))
	}
}

// deadline is the time of a sign of life that is too old, in Unix seconds. When the
// database was away, every server was silent, and is given time to say that it lives.
func (r *Runner) deadline(answers time.Time) int64 {
	if time.Since(answers) < (abandoned-1)*r.c.Beat {
		return 0
	}
	return time.Now().Add(-abandoned * r.c.Beat).Unix()
}

func (r *Runner) beat() error {
	ctx, stop := context.WithTimeout(r.ctx, writeTime)
	defer stop()
	if err := r.c.Store.Beat(ctx, r.id); err != nil {
		return err
	}
	for _, w := range r.working() {
		r.look(ctx, w)
	}
	return nil
}

func (r *Runner) working() []*work {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*work
	for _, w := range r.live {
		all = append(all, w)
	}
	return all
}

// look ends work on a run that was cancelled at another server, or whose thread is gone.
func (r *Runner) look(ctx context.Context, w *work) {
	run, err := r.c.Store.Run(ctx, conversation.Owner{All: true}, w.thread, w.id)
	var missing *conversation.Missing
	switch {
	case errors.As(err, &missing):
		w.cancel(errDeleted)
	case err == nil && run.Status == conversation.RunCancelling:
		w.cancel(errCancelled)
	}
}

// sweep ends what nobody works on any more.
func (r *Runner) sweep(since int64) {
	ctx, stop := context.WithTimeout(r.ctx, writeTime)
	defer stop()
	switch n, err := r.c.Store.EndAbandoned(ctx, since); {
	case err != nil && r.ctx.Err() == nil:
		r.log.Debug("abandoned runs were not ended", "error", err)
	case n > 0:
		r.log.Info("runs that nobody worked on any more were ended", "runs", n)
	}
}
