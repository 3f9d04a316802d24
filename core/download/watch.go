package download

import (
	"context"
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
	timer   *time.Timer
}

// watched begins a watch, which stop ends.
func watched(ctx context.Context, period time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{period: period, cancel: cancel}
	w.held.Store(true) // the first period is short by what it takes to get here
	w.timer = time.AfterFunc(period, w.look)
	return ctx, w
}

func (w *watch) look() {
	came := w.bytes.Swap(0)
	held := w.held.Swap(false)
	if came < drip && !held && !w.parked.Load() {
		w.stalled.Store(true)
		w.cancel(errStalled)
		return
	}
	w.timer.Reset(w.period)
}

// park says that nobody reads until unpark.
func (w *watch) park() { w.parked.Store(true) }
func (w *watch) unpark() {
	w.held.Store(true)
	w.parked.Store(false)
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}
