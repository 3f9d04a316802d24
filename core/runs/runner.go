package runs

import (
	"context"
	"errors"

	"github.com/hashicorp/go-hclog"

	"github.com/enginebay/enginebay/core/conversation"
)

// TODO: replaced by the next commits.
var errNotYet = errors.New("not yet")

// Config is what a [Runner] works with.
type Config struct {
	Store  *conversation.Store
	Bridge Bridge
	Log    hclog.Logger // nil: nothing is logged
	Sole   bool         // no other server uses the store (SQLite): what is unfinished when it starts, nobody works on
}

// A Runner works on runs.
type Runner struct{}

// New starts a Runner. Runs that an earlier server left unfinished end as failed: at
// once where this one is Sole, else when their server has not been heard of for a
// minute.
func New(c Config) *Runner { return &Runner{} }

// Close ends the unfinished runs of this server as failed, and returns when nothing of
// them runs any more.
func (r *Runner) Close() {}

// Create makes a run, and begins to work on it. Events is nil unless the request is
// one to stream; a run without it goes on when ctx has ended.
//
// Errors: [conversation.Missing] where there is no such thread or assistant,
// [conversation.ErrBusy] where the thread has an unfinished run, [sdk.CodeNotFound]
// where there is no such model, [sdk.CodeUnavailable] where the server stops. Leave is
// called in each case.
func (r *Runner) Create(ctx context.Context, req Request) (*conversation.Run, *Events, error) {
	return nil, nil, errNotYet
}

// Submit gives a run the outputs of the functions that it waits for, all of them at
// once, and goes on with it. The result is as that of [Runner.Create].
func (r *Runner) Submit(ctx context.Context, s Submission) (*conversation.Run, *Events, error) {
	return nil, nil, errNotYet
}

// Cancel ends a run, and keeps what the model wrote so far. The run that it returns is
// cancelling, or cancelled where nobody was at work on it. One that has ended is a
// [conversation.FieldError].
func (r *Runner) Cancel(ctx context.Context, o conversation.Owner, threadID, runID string) (*conversation.Run, error) {
	return nil, errNotYet
}

// DeleteThread deletes a thread, and ends its run.
func (r *Runner) DeleteThread(ctx context.Context, o conversation.Owner, threadID string) error {
	return errNotYet
}

// Effective is what a run of a thread would use if it began now: its model,
// instructions and parameters, with their layers.
func (r *Runner) Effective(ctx context.Context, o conversation.Owner, threadID string) (map[string]conversation.Effective, error) {
	return nil, errNotYet
}
