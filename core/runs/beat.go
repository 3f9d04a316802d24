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

// A sign of life of a run's server, and when this one has seen it first: by its own clock,
// since that of another server may be wrong, and any clock may be set back.
type sign struct {
	beat int64
	seen time.Time
}

// beats says that the server lives and works on its runs, for as long as it does.
func (r *Runner) beats() {
	ticks := time.NewTicker(r.c.Beat)
	defer ticks.Stop()
	var last map[string]sign // by the ids of runs
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticks.C:
		}
		for _, w := range r.working() {
			r.touch(w)
		}
		last = r.listen(last)
	}
}

// listen ends the runs whose servers give no sign of life any more, and returns the last
// signs of the others. When the database was away, every server was silent, and is given
// time to say that it lives.
func (r *Runner) listen(last map[string]sign) map[string]sign {
	heard := map[string]sign{}
	err := r.sweep(func(run *conversation.Run) bool {
		s, known := last[run.ID]
		if !known || s.beat != run.Beat {
			s = sign{run.Beat, time.Now()}
		}
		heard[run.ID] = s
		return time.Since(s.seen) >= abandoned*r.c.Beat
	})
	if err != nil {
		return nil
	}
	return heard
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
		run.Beat++
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
func (r *Runner) sweep(silent func(*conversation.Run) bool) error {
	ctx, stop := context.WithTimeout(r.ctx, writeTime)
	defer stop()
	n, err := r.c.Store.EndAbandoned(ctx, silent)
	switch {
	case err != nil:
		r.log.Debug("abandoned runs were not ended", "error", err)
	case n > 0:
		r.log.Info("runs that nobody worked on any more were ended", "runs", n)
	}
	return err
}
