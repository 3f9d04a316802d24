package download

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/enginebay/enginebay/core/system"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/web"
)

// A transfer brings one file from one source after the other into its partial.
type transfer struct {
	*settings
	client *Client
	file   File
	part   *part

	source   *source
	plain    bool // one connection from zero on; ranges are not to be had
	restarts int  // because the file changed
	lanes    atomic.Int32
	got      atomic.Int64 // bytes that came over the network
	best     atomic.Int64 // most bytes that were ever there
	tries    int

	mu      sync.Mutex
	settled bool // the first answer was taken
}

// maxRestarts is how often a file may change while it is fetched.
const maxRestarts = 3

// run tries the sources in turn. What came from one is kept for the next where the
// SHA-256 says in the end whether it fits.
func (t *transfer) run(ctx context.Context) error {
	var firstErr error
	all := sources(t.file.URL, t.Mirrors)
	for i, address := range all {
		t.source = &source{http: t.http, address: address}
		t.plain, t.restarts, t.tries = false, 0, t.client.pace.tries
		if i+1 < len(all) {
			t.tries = (t.tries + 1) / 2
		}
		err := t.from(ctx)
		if err == nil || ctx.Err() != nil || system.Full(err) || sdk.CodeOf(err) == sdk.CodeExhausted {
			return err
		}
		if firstErr == nil {
			firstErr = err
		}
		if i+1 < len(all) {
			t.Log.Warn("a source of a download fails, the next one is tried", "file", filepath.Base(t.file.Path), "source", web.Public(address), "error", err)
			if err := t.moveOn(err); err != nil {
				return err
			}
		}
	}
	return firstErr
}

// moveOn prepares the partial for another source.
func (t *transfer) moveOn(err error) error {
	var useless *discarding
	if t.part.expected().SHA256 == "" || errors.As(err, &useless) {
		return t.part.begin(end(t.file.Size), version{}, nil)
	}
	t.part.forget()
	return nil
}

// from fetches from one source until all is there and right.
func (t *transfer) from(ctx context.Context) error {
	resumed := !t.part.board.empty()
	for {
		err := t.round(ctx)
		if err == nil && t.part.board.missing() > 0 { // a busy server sent the last lane away
			continue
		}
		if err == nil {
			err = t.part.finish(ctx, t.file.Check)
		}
		var useless *discarding
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return err
		case errors.As(err, &useless) && resumed: // something is wrong with what was there before
			resumed = false
			err = t.part.begin(end(t.file.Size), version{}, nil)
		case errors.Is(err, errPlain) && !t.plain:
			t.plain = true
			err = t.part.begin(end(t.file.Size), version{}, nil)
		case errors.Is(err, errChanged):
			err = t.restart()
		}
		if err != nil {
			return err
		}
	}
}

// restart begins anew after the file changed.
func (t *transfer) restart() error {
	t.Log.Info("a file changed while it was downloaded, it is begun anew", "file", filepath.Base(t.file.Path))
	if t.restarts++; t.restarts > maxRestarts {
		return sdk.Errorf(sdk.CodeUnavailable, "%s changes again and again while it is downloaded; try again later", web.Public(t.source.address))
	}
	return t.part.begin(end(t.file.Size), version{}, nil)
}

// round is one go at what is missing, over as many connections as are worth it. It
// ends when nothing is left to do, or with what stands against it.
func (t *transfer) round(ctx context.Context) error {
	t.settled = false
	return t.alongside(ctx, func(ctx context.Context) error {
		crew, ctx := errgroup.WithContext(ctx)
		t.lanes.Store(1)
		crew.Go(func() error { return t.work(ctx, crew) })
		return crew.Wait()
	})
}

// alongside runs work with what goes on beside it: the hash, the journal, a look at
// the disk.
func (t *transfer) alongside(ctx context.Context, work func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	side, stop := context.WithCancel(ctx)
	defer stop()
	g.Go(func() error { return t.keep(side) })
	g.Go(func() error { return t.part.follow(side) })
	g.Go(func() error {
		defer stop()
		return work(ctx)
	})
	return g.Wait()
}

// crew adds connections once the first answer told that it is worth it.
func (t *transfer) crew(ctx context.Context, g *errgroup.Group) {
	if t.plain {
		return
	}
	wanted := min(int64(t.Connections), (t.part.board.missing()+perLane-1)/perLane)
	for n := int64(1); n < wanted; n++ {
		t.lanes.Add(1)
		g.Go(func() error { return t.work(ctx, g) })
	}
}

// The sizes of what one request asks for. A piece is large where the file is, so
// that the time until its first byte does not count.
const (
	perLane  = 8 << 20
	minPiece = 4 << 20
	maxPiece = 64 << 20
)

func (t *transfer) piece() int64 {
	return min(maxPiece, max(minPiece, t.part.board.missing()/int64(t.Connections)))
}

// work fetches one claim after the other, until nothing is left to claim.
func (t *transfer) work(ctx context.Context, g *errgroup.Group) error {
	l := &lane{transfer: t, begun: func() { t.crew(ctx, g) }}
	defer l.close()
	patience := t.patience()
	for {
		err := l.next(ctx)
		if err == nil {
			continue
		}
		if err == errNothing {
			t.lanes.Add(-1)
			return nil
		}
		wait, ok := t.again(ctx, err, &patience)
		switch {
		case !ok:
			return err
		case wait < 0:
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// patience is what a lane has left of it. Progress of any lane renews it.
type patience struct {
	back  *backoff.ExponentialBackOff
	tries int
	mark  int64
}

func (t *transfer) patience() patience {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = t.client.pace.wait, t.client.pace.waits, 2
	return patience{back: b, mark: t.best.Load()}
}

// again says whether and when to try again after a fault; wait < 0: leave it to
// the other lanes.
func (t *transfer) again(ctx context.Context, err error, p *patience) (wait time.Duration, ok bool) {
	var fault *passing
	if ctx.Err() != nil || !errors.As(err, &fault) {
		return 0, false
	}
	if best := t.best.Load(); best >= p.mark+64<<10 { // a server that drips does not count
		p.mark, p.tries = best, 0
		p.back.Reset()
	}
	limit := t.tries
	if t.got.Load() > 0 && !t.plain {
		limit *= 3
	}
	p.tries++
	t.Log.Debug("a connection of a download failed", "file", filepath.Base(t.file.Path), "error", err, "try", p.tries)
	switch {
	case fault.busy && t.leave():
		return -1, true
	case p.tries > limit:
		return 0, false
	}
	return max(fault.after, p.back.NextBackOff()), true
}

// leave takes a lane away where others stay.
func (t *transfer) leave() bool {
	for n := t.lanes.Load(); n > 1; n = t.lanes.Load() {
		if t.lanes.CompareAndSwap(n, n-1) {
			return true
		}
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep saves the partial every now and then, and looks at the disk.
func (t *transfer) keep(ctx context.Context) error {
	ticker := time.NewTicker(t.client.pace.save)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := errors.Join(t.part.save(), t.client.reserve(t.part, t.Config)); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// errNothing ends a lane.
var errNothing = errors.New("nothing is left to claim")
