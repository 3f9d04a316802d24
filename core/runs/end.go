package runs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/enginebay/enginebay/core/conversation"
	"github.com/enginebay/enginebay/sdk/openai"
)

// closeText ends the message and its step. They are written with what comes after them:
// words before calls of functions are at once followed by these.
func (w *work) closeText(to end) {
	a := &w.answer
	if a.message == nil {
		return
	}
	m := a.message
	m.Reasoning = a.thoughts.String()
	if text := a.text.String(); text != "" {
		m.Content = []conversation.Part{{Type: "text", Text: &conversation.Text{Value: text, Annotations: []json.RawMessage{}}}}
	}
	closeMessage(m, to)
	a.step.Usage = a.usage
	a.step.End(to.status, to.fault)
	a.closed = append(a.closed, m, a.step)
	a.ends = append(a.ends, Event{"thread.message." + m.Status, copied(m)}, Event{"thread.run.step." + a.step.Status, copied(a.step)})
	a.message, a.step = nil, nil
}

// closeCalls ends the step of the calls, or leaves it where their outputs are awaited.
func (w *work) closeCalls(to end) {
	a := &w.answer
	if a.step == nil {
		return
	}
	step := copied(a.step)
	step.StepDetails = encode(callsOf(a.calls))
	step.Usage = a.usage
	if to.status == conversation.RunIncomplete {
		to = failed(&openai.Error{Status: http.StatusBadGateway, Message: "The answer was cut within the calls of functions"})
	}
	if to.status != conversation.RunRequiresAction {
		step.End(to.status, to.fault)
		a.ends = append(a.ends, Event{"thread.run.step." + step.Status, copied(step)})
	}
	a.closed = append(a.closed, step)
}

// end brings the run to where it got, writes all that came of it, and tells.
func (w *work) end(ctx context.Context, to end) {
	if w.written != nil {
		<-w.written
	}
	if errors.Is(context.Cause(ctx), errCancelled) && to.status == conversation.RunCancelled {
		w.run.Status = conversation.RunCancelling
		w.tell()
	}
	if w.answer.usage != nil {
		w.used = sum(w.used, *w.answer.usage)
	}
	w.closeText(to)
	run, err := w.write(to)
	if errors.Is(err, errMoved) && to.status == conversation.RunRequiresAction { // cancelled at the last moment
		run, err = w.write(end{status: conversation.RunCancelled})
	}
	w.runner.leave(w) // before anybody is told, who may come again at once
	if err != nil {
		w.lost(err)
	} else {
		w.run = run
		w.tellEnds()
		w.tell()
	}
	w.events.finish()
}

// write keeps the run as it got to an end, with its messages and steps.
func (w *work) write(to end) (*conversation.Run, error) {
	closed, ends := w.answer.closed, w.answer.ends
	w.closeCalls(to)
	run, err := w.runner.keep(w.run.ID, func(stored *conversation.Run) error {
		if stored.Status == to.status {
			return nil // written by an attempt whose connection broke then
		}
		if err := move(stored, to); err != nil {
			return err
		}
		stored.StartedAt, stored.Ignored, stored.Truncated = w.run.StartedAt, w.run.Ignored, w.run.Truncated
		switch {
		case to.status == conversation.RunRequiresAction:
			expires := time.Now().Add(w.runner.c.Patience).Unix()
			stored.RequiredAction, stored.ExpiresAt = actionOf(w.answer.calls), &expires
		case w.used.TotalTokens > 0 || to.status == conversation.RunCompleted:
			stored.Usage = &w.used
		}
		return nil
	}, w.answer.closed...)
	if err != nil {
		w.answer.closed, w.answer.ends = closed, ends
	}
	return run, err
}

// lost tells of a run whose end could not be written: its thread was deleted, another
// server took it for dead, or the database has gone for good.
func (w *work) lost(err error) {
	fault := &openai.Error{Status: http.StatusServiceUnavailable, Message: said(err)}
	var missing *conversation.Missing
	switch {
	case errors.As(err, &missing):
		fault.Message = "The thread was deleted"
		w.runner.log.Debug("a run's thread was deleted", "run", w.run.ID)
	case errors.Is(err, errMoved):
		fault.Message = "Another server has ended the run: this one could not reach the database for too long"
		w.runner.log.Warn("a run was ended by another server", "run", w.run.ID, "error", err)
	default:
		w.runner.log.Error("a run's answer could not be written", "run", w.run.ID, "thread", w.run.ThreadID, "error", err)
	}
	w.events.put("error", errorData{fault})
}

// tell tells what the run is now.
func (w *work) tell() { w.events.put("thread.run."+w.run.Status, copied(w.run)) }

// tellEnds tells what of the answer has ended.
func (w *work) tellEnds() {
	for _, event := range w.answer.ends {
		w.events.put(event.Name, event.Data)
	}
	w.answer.ends = nil
}
