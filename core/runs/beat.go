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

// beats says that the server lives and works on its runs, for as long as it does.
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
		for _, w := range r.working() {
			r.touch(w)
		}
		if since.IsZero() {
			since = time.Now()
		}
		if err := r.sweep(r.deadline(since)); err != nil {
			since = time.Time{}
		}
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

func (r *Runner) working() []*work {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*work
	for _, w := range r.live {
		all = append(all, w)
	}
	return all
}

// touch says that a run is worked on. It ends work on one that was cancelled at another
// server, or ended there, or whose thread is gone. A run whose end could not be written
// is not touched any more, and so is taken for abandoned in time.
func (r *Runner) touch(w *work) {
	run, err := r.once(r.ctx, w.id, func(run *conversation.Run) error {
		if ended(run.Status) {
			return errMoved
		}
		run.Beat = time.Now().Unix()
		return nil
	})
	var missing *conversation.Missing
	switch {
	case errors.As(err, &missing):
		w.cancel(errDeleted)
	case errors.Is(err, errMoved):
		w.cancel(errMoved)
	case err != nil:
		r.log.Debug("the store takes no sign of life", "run", w.id, "error", err)
	case run.Status == conversation.RunCancelling:
		w.cancel(errCancelled)
	}
}

// sweep ends what nobody works on any more.
func (r *Runner) sweep(since int64) error {
	ctx, stop := context.WithTimeout(r.ctx, writeTime)
	defer stop()
	n, err := r.c.Store.EndAbandoned(ctx, since)
	switch {
	case err != nil:
		r.log.Debug("abandoned runs were not ended", "error", err)
	case n > 0:
		r.log.Info("runs that nobody worked on any more were ended", "runs", n)
	}
	return err
}
