package sdktest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/enginebay/enginebay/sdk"
)

// second is how long what is called off may go on. A machine may be busy with other
// things: the best of some tries counts.
const (
	second = time.Second
	tries  = 3
)

// cancels: a load that is called off returns within a second and leaves nothing,
// wherever it was.
func (e *engine) cancels(t T) {
	h := e.up(t)
	closed := h.loaded(t, e.request(t, h, nil)) // what the first load makes once is no leak
	if err := closeIn(closed, patience); err != nil {
		t.Fatalf("Close: %v", err)
	}
	before := h.look()
	quick := e.request(t, h, nil)
	t.Run("before", func(t T) {
		calledOff(t, h, quick, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		})
		before.same(t, h)
	})
	t.Run("quick", func(t T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		inst, err := h.Load(ctx, quick, func(sdk.Progress) { cancel() })
		if err == nil { // it was quicker than the cancel
			err = closeIn(inst, patience)
		} else if sdk.CodeOf(err) == sdk.CodeCanceled {
			err = nil
		}
		if err != nil {
			t.Errorf("a load that was called off: %v", err)
		}
		before.same(t, h)
	})
	t.Run("slow", func(t T) {
		if len(e.SlowSettings) == 0 {
			t.Skipf("the case has no settings that make a load slow")
		}
		calledOff(t, h, e.request(t, h, e.SlowSettings), func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second) // where it reports no progress
		})
		before.same(t, h)
	})
}

// calledOff loads until progress is seen, or the context has ended, and checks that
// the load ends within a second then.
func calledOff(t T, h *host, req sdk.LoadRequest, begin func(context.Context) (context.Context, context.CancelFunc)) {
	t.Helper()
	var took time.Duration
	for range tries {
		var err error
		if took, err = callOff(t, h, req, begin); took < 0 {
			t.Fatalf("the load goes on %v after it was called off", patience)
		}
		if coded(t, err, sdk.CodeCanceled, sdk.CodeUnavailable); t.Failed() || took <= second {
			return
		}
		if took > tries*second {
			break
		}
	}
	t.Errorf("the load goes on for %v after it was called off; a second is what a person waits", took.Round(time.Millisecond))
}

// callOff makes one such load, and returns how long it went on after the end of its
// context; below 0, it still does.
func callOff(t T, h *host, req sdk.LoadRequest, begin func(context.Context) (context.Context, context.CancelFunc)) (took time.Duration, err error) {
	ctx, cancel := begin(t.Context())
	defer cancel()
	var off atomic.Pointer[time.Time]
	stop := context.AfterFunc(ctx, func() {
		now := time.Now()
		off.Store(&now)
	})
	defer stop()
	type result struct {
		err error
		at  time.Time
	}
	ended := make(chan result, 1)
	go func() {
		inst, err := h.Load(ctx, req, func(sdk.Progress) { cancel() })
		r := result{err, time.Now()}
		if inst != nil {
			_ = closeIn(inst, patience)
		}
		ended <- r
	}()
	select {
	case r := <-ended:
		if at := off.Load(); at != nil {
			return max(r.at.Sub(*at), 0), r.err
		}
		return 0, r.err
	case <-time.After(2*time.Second + patience):
		return -1, nil
	}
}
