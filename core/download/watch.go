package download

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// drip is how much must come in a stall's time; less is as nothing, or else a
// server could hold a connection for ever by a byte now and then.
const drip = 4 << 10

// A watch gives up a call over which next to nothing comes.
type watch struct {
	bytes   atomic.Int64
	parked  atomic.Bool // nobody reads yet
	held    atomic.Bool // somebody did not read for a while
	stalled atomic.Bool
	period  time.Duration
	cancel  context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // nil: it is over
}

// watched begins a watch, which stop ends.
func watched(ctx context.Context, period time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{period: period, cancel: cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(period, w.look)
	return ctx, w
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	came, held := w.bytes.Swap(0), w.held.Swap(false)
	switch {
	case w.timer == nil:
	case came >= drip || held || w.parked.Load():
		w.timer.Reset(w.period)
	default:
		w.stalled.Store(true)
		w.cancel(errStalled)
	}
}

// park says that nobody reads until unpark.
func (w *watch) park() { w.parked.Store(true) }
func (w *watch) unpark() {
	w.held.Store(true)
	w.parked.Store(false)
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	w.cancel(context.Canceled)
}
