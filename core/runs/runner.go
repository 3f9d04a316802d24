package runs

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk"
)

// Config is what a [Runner] works with.
type Config struct {
	Store  *conversation.Store
	Bridge Bridge
	Log    hclog.Logger // nil: nothing is logged
	Sole   bool         // no other server uses the store (SQLite): what is unfinished when it starts, nobody works on

	Patience time.Duration // how long a run waits for the outputs of functions; 0: 10 minutes, as at OpenAI
	Beat     time.Duration // how often the server says that it lives; 0: 15 s
	Reach    int           // how much of a thread is read for a run, in bytes; 0: 64 MiB, as much as any request may have
}

// A Runner works on runs. Its methods may be called concurrently.
type Runner struct {
	c    Config
	log  hclog.Logger
	ctx  context.Context
	stop context.CancelCauseFunc
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	live   map[string]*work // what is worked on, by the run's id
}

// New starts a Runner. Runs that an earlier server left unfinished end as failed: at
// once where this one is Sole, else when their server has not been heard of for a
// minute. Those that wait for outputs of functions go on waiting: any server may be
// given them.
func New(c Config) *Runner {
	c.Patience, c.Beat = cmp.Or(c.Patience, 10*time.Minute), cmp.Or(c.Beat, 15*time.Second)
	c.Reach = cmp.Or(c.Reach, 64<<20)
	r := &Runner{c: c, log: c.Log, live: map[string]*work{}}
	if r.log == nil {
		r.log = hclog.NewNullLogger()
	}
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	if c.Sole {
		_ = r.sweep(func(*conversation.Run) bool { return true }) // before there are runs of its own; what fails now, beats do
	}
	r.wg.Go(r.beats)
	return r
}

// Close ends what this server works on as failed, and returns when nothing of it runs
// any more. Runs that wait for the outputs of functions go on waiting. May be called
// more than once.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop(errStopped)
	r.wg.Wait()
}

// start begins to work on a run that is in the store. Its caller has entered; the work
// leaves when it ends. The work is a part of the trace of the context. The first events
// are told before all others.
func (r *Runner) start(of context.Context, w *work, stream bool, first ...Event) *Events {
	ctx, cancel := context.WithCancelCause(trace.ContextWithSpan(r.ctx, trace.SpanFromContext(of)))
	w.runner, w.cancel, w.id, w.thread = r, cancel, w.run.ID, w.run.ThreadID
	if stream {
		w.events = newEvents(func() { cancel(errLeft) })
	}
	for _, event := range first {
		w.events.put(event.Name, event.Data)
	}
	events := w.events
	r.mu.Lock()
	r.live[w.id] = w
	r.mu.Unlock()
	go func() {
		defer r.wg.Done()
		defer cancel(nil)
		w.do(ctx)
	}()
	return events
}

// enter lets Close wait for the caller, who is about to start work. It ends with
// r.wg.Done.
func (r *Runner) enter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return sdk.Errorf(sdk.CodeUnavailable, "The server is being stopped")
	}
	r.wg.Add(1)
	return nil
}

// leave says that a run is not worked on any more.
func (r *Runner) leave(w *work) {
	r.mu.Lock()
	if r.live[w.id] == w {
		delete(r.live, w.id)
	}
	r.mu.Unlock()
	if w.left != nil {
		w.left()
	}
}

// at is the work on a run of this server; nil where there is none.
func (r *Runner) at(runID string) *work {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[runID]
}
