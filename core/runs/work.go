package runs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk"
	"github.com/enginebay/enginebay/sdk/openai"
)

// Why work on a run is broken off: the cause of its context's end.
var (
	errCancelled = errors.New("the run was cancelled")
	errLeft      = errors.New("the client left")
	errDeleted   = errors.New("the thread was deleted")
	errStopped   = errors.New("the server was stopped")
)

// work is a run as it is worked on: from queued to its end, or to where it waits for the
// outputs of functions. One goroutine has all of it; what others may see of it does not
// change: id, thread, owner, cancel and events.
type work struct {
	id, thread        string // of the run
	runner            *Runner
	owner             conversation.Owner
	caller, requestID string
	run               *conversation.Run // as this goroutine knows it; the store's may be cancelling
	model             Model
	events            *Events // nil where nobody listens
	resumed           bool    // after outputs of functions
	left              func()  // says that it no longer works; may be nil
	cancel            context.CancelCauseFunc

	past      []*conversation.Step  // of earlier rounds
	used      conversation.RunUsage // by them, then by all
	estimated bool                  // tokens are: the engine does not count them
	answer    answer
	written   chan struct{} // closed when what was told on the way is in the store
}

func (w *work) store() *conversation.Store { return w.runner.c.Store }

// do works on the run, to its end.
func (w *work) do(ctx context.Context) {
	to, err := w.ask(ctx)
	if err != nil {
		to = w.why(ctx, err)
	}
	w.end(ctx, to)
}

// ask has a model answer the thread.
func (w *work) ask(ctx context.Context) (to end, err error) {
	defer func() {
		if r := recover(); r != nil {
			w.runner.log.Error("panic", "value", fmt.Sprint(r), "stack", string(debug.Stack()), "run", w.run.ID, "request_id", w.requestID)
			err = errors.New("panic")
		}
	}()
	if err := w.remember(ctx); err != nil {
		return end{}, err
	}
	p, err := w.prompt(ctx)
	if err != nil {
		return end{}, err
	}
	switch err := w.fit(ctx, p); {
	case errors.Is(err, errPrompt):
		return end{status: conversation.RunIncomplete, reason: "max_prompt_tokens"}, nil
	case err != nil:
		return end{}, err
	}
	return w.converse(ctx, p)
}

// remember reads what the run did in earlier rounds.
func (w *work) remember(ctx context.Context) (err error) {
	if !w.resumed {
		return nil
	}
	w.past, err = allSteps(ctx, w.store(), w.owner, w.run)
	for _, step := range w.past {
		if step.Usage != nil {
			w.used = sum(w.used, *step.Usage)
		}
	}
	return err
}

func sum(a, b conversation.RunUsage) conversation.RunUsage {
	return conversation.RunUsage{PromptTokens: a.PromptTokens + b.PromptTokens, CompletionTokens: a.CompletionTokens + b.CompletionTokens, TotalTokens: a.TotalTokens + b.TotalTokens}
}

// converse sends the prompt, a shorter one where the engine refuses it for its length,
// and reads the answer.
func (w *work) converse(ctx context.Context, p *prompt) (end, error) {
	for refusals := 0; ; refusals++ {
		to, err := w.once(ctx, p)
		fraction, length := refusedForLength(err)
		if !length || w.answer.begun() || refusals == maxRefusals || !w.shorten(p, fraction) {
			return to, err
		}
		w.runner.log.Debug("a thread was cut again: the engine refused it", "run", w.run.ID, "context_length", w.model.Context, "request_id", w.requestID)
	}
}

// once sends the prompt and reads the answer.
func (w *work) once(ctx context.Context, p *prompt) (end, error) {
	body, err := w.body(p)
	if err != nil {
		return end{}, err
	}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	got, err := w.runner.c.Bridge.Chat(ctx, Chat{Model: w.run.Model, Caller: w.caller, RequestID: w.requestID, Body: body})
	if err != nil {
		return end{}, err
	}
	defer got.Stream.Close()
	if err := openai.ReadEvents(got.Stream, func(chunk []byte) error { return w.take(ctx, chunk) }); err != nil {
		return end{}, err
	}
	readRest(got.Stream, leave)
	return w.answered()
}

const (
	maxRest     = 64 << 10               // bytes after the end of an answer
	restTimeout = 250 * time.Millisecond // how long they may take
)

// readRest reads what comes after [DONE], as a rule nothing: only a connection that was
// read to its end is used again. leave ends the context of the request.
func readRest(stream io.Reader, leave func()) {
	late := time.AfterFunc(restTimeout, leave)
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, stream, maxRest)
}

// begin says that a model is answering: with the first chunk that is no refusal.
func (w *work) begin() {
	if w.run.Status != conversation.RunQueued {
		return
	}
	_ = move(w.run, end{status: conversation.RunInProgress}) // from queued it always can
	w.tell()
	run := *w.run
	w.later(func(stored *conversation.Run) error {
		if stored.Status != conversation.RunQueued {
			return errMoved
		}
		stored.Status, stored.StartedAt, stored.Ignored, stored.Truncated = run.Status, run.StartedAt, run.Ignored, run.Truncated
		return nil
	})
}

// why says where a run gets to that was broken off by an error.
func (w *work) why(ctx context.Context, err error) end {
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
	case errors.Is(cause, errStopped):
		return failed(errStopped)
	default:
		return end{status: conversation.RunCancelled}
	}
	var missing *conversation.Missing
	if errors.As(err, &missing) {
		w.runner.log.Debug("a run's thread has gone", "run", w.run.ID, "error", err, "request_id", w.requestID)
	} else {
		w.runner.log.Warn("a run failed", "run", w.run.ID, "model", w.run.Model, "error", err, "request_id", w.requestID)
	}
	return failed(err)
}

// failed is the end of a run that an error broke off. Only what was written for users
// gets into it.
func failed(err error) end {
	fault := &conversation.RunError{Code: "server_error", Message: said(err)}
	_, length := refusedForLength(err)
	switch status := openai.From(err).Status; {
	case status == http.StatusTooManyRequests:
		fault.Code = "rate_limit_exceeded"
	case length, status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge:
		fault.Code = "invalid_prompt"
	}
	return end{status: conversation.RunFailed, fault: fault}
}

// said is what of an error users may see.
func said(err error) string {
	var ours *openai.Error
	var coded *sdk.Error
	switch {
	case errors.As(err, &ours):
		return ours.Message
	case errors.As(err, &coded):
		return coded.Message
	case errors.Is(err, errStopped):
		return "The server was stopped"
	}
	return "The answer broke off; the server's log says why"
}
